"""`slm ps`: the local servers that run, whoever started them."""

# No `from __future__ import annotations`: simple-parsing reads the types of inherited fields in the wrong module then.
from dataclasses import dataclass

from slm_ext.cli._common import CommonFlags, emit, parse, say, table

__all__ = ["main"]


@dataclass
class PsFlags(CommonFlags):
    """List the local servers that run: state, process, port, age, users, and the time left without one."""


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    flags = parse(PsFlags, "ps", argv)
    from slm_ext.cli._servers import age, row, running

    rows = [row(state) for state in running()]
    if flags.json:
        emit({"servers": rows, "total": len(rows), "omitted": 0})
        return 0
    if not rows:
        if not flags.quiet:
            say("no local server runs; `slm serve NAME` starts one")
        return 0
    columns = ("NAME", "MODEL", "ENGINE", "STATE", "PID", "PORT", "AGE", "USERS", "IDLE LEFT")
    table(
        columns,
        [
            (
                found["name"] or "-", found["model_id"] if found["model_id"] != "default_model" else found["model"],
                found["engine"], found["state"], found["pid"] or "-", found["port"] or "-", age(found["age_s"]),
                found["leases"], age(found["idle_left_s"]),
            )
            for found in rows
        ],
    )  # fmt: skip
    return 0
