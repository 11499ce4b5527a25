"""Does the patch do it? `--test CMD` in the clone, at its baseline plus the patch and nothing else the agent left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slm_ext.runs.clone import Clone
from slm_ext.runs.patch import reset_to
from slm_ext.sandbox.commands import run_command

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True)
class Verdict:
    """`resolved` where the command ended with status 0; else `message` says what happened."""

    resolved: bool
    message: str = ""
    returncode: int | None = None


def judge(
    command: str,
    patch: bytes,
    clone: Clone,
    env: dict[str, str],
    log: Path,
    *,
    keep_ignored: set[str],
    timeout_s: float,
) -> Verdict:
    """Run `command` in bash; its output goes to `log`. An empty patch resolves nothing and runs nothing."""
    if not patch.strip():
        return Verdict(False, "no patch was submitted")
    if refusal := reset_to(clone, patch, keep_ignored):
        return Verdict(False, f"the patch does not apply to the repository: {refusal.splitlines()[0]}")
    shell = ["bash", "-c", command]
    done = run_command(shell, cwd=clone.path, env=env, merge=True, timeout_s=timeout_s, owner=clone.path)
    log.write_bytes(done.output)
    if done.timed_out:
        return Verdict(False, f"the test command took longer than {timeout_s:g} s", None)
    if done.returncode:
        return Verdict(False, f"the test command ended with status {done.returncode}, see {log}", done.returncode)
    return Verdict(True, returncode=0)
