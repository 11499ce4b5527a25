"""submit: hand in the patch by the way of the host that runs the tool."""

import os

from . import patches
from .failures import ToolError

MINI_MARKER = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
SWEAGENT_MARKER = "<<SWE_AGENT_SUBMISSION>>"


def submit(root, host, baseline="HEAD", patch_file="/root/model.patch"):
    """Make the patch and hand it in.

    Args:
        host: ``mini`` (marker and patch are the output) or ``sweagent`` (patch to `patch_file`, marker as output).
        baseline: commit or tree the patch is relative to.
    """
    try:
        if host not in ("mini", "sweagent"):
            raise ToolError("bad_argument", f"the host is mini or sweagent, got {host}")
        patch, files = patches.make(root, baseline)
        if host == "sweagent":
            _write(patch_file, patch)
    except ToolError as error:
        return error.result("submit")
    changed = f"{len(files)} file{'' if len(files) == 1 else 's'} changed"
    text = patch.decode("utf-8", "replace")
    return {
        "schema_version": 1,
        "tool": "submit",
        "status": "pass",
        "ok": True,
        "exit_code": 0,
        "host": host,
        "files": files,
        "total": len(files),
        "omitted": 0,
        "patch": text,
        "output": MINI_MARKER + "\n" + text if host == "mini" else f"{SWEAGENT_MARKER}\nsubmitted: {changed}",
    }


def _write(path, patch):
    try:
        with open(path, "wb") as stream:
            stream.write(patch)
    except OSError as error:
        raise ToolError("unwritable", f"the patch cannot be written: {error.strerror}") from None


def host_of(executable):
    """The host by `$SLM_HOST`, else by where the tool lies: SWE-agent installs its tools in /root/tools."""
    named = os.environ.get("SLM_HOST")
    if named:
        return named
    return "sweagent" if os.path.realpath(executable).startswith("/root/tools/") else "mini"
