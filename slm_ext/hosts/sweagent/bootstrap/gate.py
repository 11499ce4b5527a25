"""The gate behind `slm_ext_sweagent.pth`: install the hook if, and only if, this process is SWE-agent.

The `.pth` line itself imports nothing and only looks at `sys.argv[0]`; this module is imported when the name fits.
Standard library only, and no error leaves it: a Python that starts must never fail because of us.
"""

from __future__ import annotations

import os
import sys

__all__ = ["enter", "is_sweagent"]


def enter() -> None:
    """Install the hook if this process is SWE-agent and `SLM_EXT_DISABLE` is not set. Never raises."""
    try:
        if os.environ.get("SLM_EXT_DISABLE", "0") in ("", "0") and is_sweagent(sys.argv, sys.orig_argv):
            from slm_ext.hosts.sweagent.bootstrap import install
            from slm_ext.hosts.sweagent.bootstrap.request import asked

            if asked(sys.argv[1:], os.environ):  # SWE-agent imports litellm, which would fetch its price list
                os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            install()
    except Exception as error:
        _complain(error)


def is_sweagent(argv: list[str], orig_argv: list[str]) -> bool:
    """Whether a process with these `sys.argv` and `sys.orig_argv`, as they are while `.pth` files run, is SWE-agent.

    True for the console script and for `python -m sweagent`, `-m sweagent.run`, `-m sweagent.run.run_single`, ….
    """
    if not argv:
        return False
    if argv[0] != "-m":
        name = argv[0].replace("\\", "/").rpartition("/")[2].lower()
        return name.removesuffix(".exe") == "sweagent"
    module = main_module(argv, orig_argv)
    return module == "sweagent" or module.startswith(("sweagent.run.", "sweagent.__main__")) or module == "sweagent.run"


def main_module(argv: list[str], orig_argv: list[str]) -> str:
    """The module named by `python -m MODULE` or `python -mMODULE`, else an empty string."""
    if argv[:1] != ["-m"] or len(orig_argv) < len(argv):
        return ""
    word = orig_argv[-len(argv)]
    return word.partition("m")[2] if word.startswith("-") else word


def _complain(error: Exception) -> None:
    """One line, and only to a user who asked for us; a stock run stays silent."""
    try:
        from slm_ext.hosts.sweagent.bootstrap.request import asked

        if asked(sys.argv[1:], os.environ):
            print(f"slm-ext could not enter SWE-agent: {error}", file=sys.stderr)
    except Exception:
        return
