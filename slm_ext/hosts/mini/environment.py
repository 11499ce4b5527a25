"""`SlmEnvironment`: the tool bundles on this machine, in bash, with a clean environment.

mini's own `LocalEnvironment` starts `/bin/sh` (dash on Debian), hands every API key to the commands and has no PATH for
bundles. This one runs `bash -c`, in a process group that an interrupt ends, and reads each tool's typed result.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from minisweagent.exceptions import Submitted
from pydantic import BaseModel, ConfigDict

from slm_ext.bundles import environment, load_bundles
from slm_ext.sandbox.commands import end_survivors, run_command
from slm_ext.sandbox.environment import scrubbed

__all__ = ["SlmEnvironment", "SlmEnvironmentConfig"]

_SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


class SlmEnvironmentConfig(BaseModel):
    """The `environment:` section of mini's YAML."""

    model_config = ConfigDict(extra="forbid")

    cwd: str = ""
    """Folder of the repository; empty is the current one."""
    bundles: list[str] = []
    """Tool bundles whose commands are on PATH."""
    env: dict[str, str] = {}
    """Variables for every command, e.g. `SLM_TOOL_MAX_CHARS`."""
    timeout: int = 180
    """Seconds a command may take; a call with a longer `timeout_s` of its own gets that and half a minute."""


class SlmEnvironment:
    """Runs actions in `cwd`."""

    def __init__(self, *, config_class: type = SlmEnvironmentConfig, base: dict[str, str] | None = None, **kwargs):
        """`base` is the environment to start from; None is ours without keys."""
        self.config = config_class(**kwargs)
        root = Path(self.config.cwd or os.getcwd())
        base = scrubbed(os.environ) if base is None else base
        self._env = base | environment(
            load_bundles([*self.config.bundles]), host="mini", repo_root=root, extra=base | self.config.env
        )
        self._root = root

    def execute(self, action: dict, cwd: str = "") -> dict[str, Any]:
        """Output, status and the tool's typed result of one command; raises `Submitted` for the last one."""
        handle, result_path = tempfile.mkstemp(prefix="slm-result-", suffix=".json")
        os.close(handle)
        try:
            output = self._execute(action, cwd, result_path)
        finally:
            os.unlink(result_path)
        self._check_finished(output)
        return output

    def close(self) -> None:
        """End what commands left running in the background."""
        end_survivors(self)

    def get_template_vars(self, **kwargs) -> dict[str, Any]:
        return platform.uname()._asdict() | {"cwd": str(self._root)} | kwargs

    def serialize(self) -> dict[str, Any]:
        return {
            "info": {
                "config": {
                    "environment": self.config.model_dump(mode="json"),
                    "environment_type": f"{type(self).__module__}.{type(self).__name__}",
                }
            }
        }

    def _execute(self, action: dict, cwd: str, result_path: str) -> dict[str, Any]:
        wanted = (action.get("arguments") or {}).get("timeout_s")
        limit = self.config.timeout
        if isinstance(wanted, int | float) and wanted > 0:
            limit = max(limit, wanted + 30)
        try:
            done = run_command(
                ["bash", "-c", action.get("command", "")],
                cwd=cwd or self._root,
                env=self._env | {"SLM_TOOL_RESULT": result_path},
                timeout_s=limit,
                merge=True,
                owner=self,
            )
        except OSError as error:
            reason = f"the command could not be started: {error}"
            return {"output": "", "returncode": -1, "exception_info": reason}
        report = _report(result_path)
        return {
            "output": done.text,
            "returncode": -1 if done.timed_out else done.returncode,
            "exception_info": f"the command was ended after {limit:g} s" if done.timed_out else "",
            "extra": {"seconds": round(done.seconds, 3)} | ({"tool_report": report} if report else {}),
        }

    def _check_finished(self, output: dict[str, Any]) -> None:
        first, _, rest = output["output"].lstrip().partition("\n")
        if first.strip() == _SUBMIT and output["returncode"] == 0:
            extra = {"exit_status": "Submitted", "submission": rest}
            raise Submitted({"role": "exit", "content": rest, "extra": extra})


def _report(path: str) -> dict[str, Any] | None:
    try:
        report = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) else None
