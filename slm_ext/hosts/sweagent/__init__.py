"""SWE-agent 1.1 as a host: `sweagent run --slm NAME` and `sweagent run-batch --slm NAME`.

Read in this order: `bootstrap/` (how a stock SWE-agent is entered: gate, import hook, symbol table), `config.py`
(`--slm` and `slm_providers`), `profile.py` (what takes the place of SWE-agent's default configuration), `session.py`
(the server around the run), `model.py` and `parser.py` (one model call), `records.py` (what is written down).

Importing this package does nothing and never imports SWE-agent.
"""

from __future__ import annotations

__all__ = ["INSTALL_LINE", "available"]

INSTALL_LINE = (
    'pip install -e "git+https://github.com/SWE-agent/SWE-agent@3ea751c087f32b16e039a2233dd6eefecef325d5#egg=sweagent"'
)


def available() -> tuple[bool, str]:
    """Whether SWE-agent can be used in this environment, without importing it.

    Returns:
        `(True, where it lies)` or `(False, what is missing and what to do)`.
    """
    from importlib.util import find_spec
    from os import environ
    from pathlib import Path

    spec = find_spec("sweagent")
    if spec is None or not spec.submodule_search_locations:
        return False, f"SWE-agent is not installed; next: {INSTALL_LINE}"
    package = Path(next(iter(spec.submodule_search_locations)))
    if not (package / "run" / "run_single.py").is_file():
        return False, f"{package} is the placeholder of that name on PyPI, not SWE-agent; next: {INSTALL_LINE}"
    for name, variable in (
        ("config", "SWE_AGENT_CONFIG_DIR"),
        ("tools", "SWE_AGENT_TOOLS_DIR"),
        ("trajectories", "SWE_AGENT_TRAJECTORY_DIR"),
    ):
        folder = Path(environ.get(variable) or package.parent / name)
        if not folder.is_dir():
            return False, (
                f"SWE-agent at {package} lacks its {name}/ folder (seen: {folder}), as a non-editable install does; "
                f"next: set {variable}, or {INSTALL_LINE}"
            )
    if find_spec("swerex") is None:
        return False, f"SWE-agent at {package} lacks swe-rex; next: pip install swe-rex"
    return True, f"SWE-agent at {package}"
