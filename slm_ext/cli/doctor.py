"""`slm doctor`: what works on this machine, what could be better, and what to do about the rest."""

# No `from __future__ import annotations`: simple-parsing reads the types of inherited fields in the wrong module then.
from dataclasses import asdict, dataclass, field

from slm_ext.cli._common import CommonFlags, emit, parse, takes

__all__ = ["main"]

SIGNS = {"ok": "ok", "hint": "hint", "problem": "PROBLEM"}


@dataclass
class DoctorFlags(CommonFlags):
    """Look at this machine, and at one model, without starting anything: packages, memory, disk, servers, sandbox,
    Docker, the agents and how they are entered.

    One line per check: ok, a hint (works, could be better), or a problem (will not work). Exit code 1: a problem.
    """

    slm: str = field(default="", metadata=takes("NAME"))
    """also this provider: its files, the memory it takes and what would fit, how it writes tool calls; or who answers
    at its endpoint. Of a router: every provider, and whether they fit into the memory together"""


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    flags = parse(DoctorFlags, "doctor", argv)
    from slm_ext.cli._checks.finding import run_all
    from slm_ext.cli._checks.machine import machine_checks

    if flags.slm:
        from slm_ext.cli._checks.team import team_checks
        from slm_ext.registry import load_registry

        team = load_registry().team(flags.slm)
        checks = [*machine_checks(list(team.providers.values())), *team_checks(team)]
    else:
        checks = machine_checks(None)
    findings = []
    for finding in run_all(checks):
        findings.append(finding)
        if not flags.json and not (flags.quiet and finding.status == "ok"):
            print(_line(finding), flush=True)
    problems = sum(finding.status == "problem" for finding in findings)
    if flags.json:
        rows = [asdict(finding) for finding in findings]
        emit({"checks": rows, "total": len(rows), "problems": problems, "omitted": 0})
    return 1 if problems else 0


def _line(finding) -> str:
    advice = f"; next: {finding.next}" if finding.next else ""
    return f"{SIGNS[finding.status]:<7}  {finding.check:<10}  {finding.said}{advice}"
