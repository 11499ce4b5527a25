"""Whether SWE-agent can be used, told without importing it."""

import pytest

from slm_ext.hosts.sweagent import INSTALL_LINE, available


@pytest.fixture
def only(tmp_path, monkeypatch):
    """A `sweagent` package of the test's making in place of any installed one."""
    import sys

    def make(*files, package="sweagent"):
        root = tmp_path / "site"
        for name in files:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("") if path.suffix else path.mkdir(exist_ok=True)
        monkeypatch.syspath_prepend(str(root))
        for name in [name for name in sys.modules if name.partition(".")[0] == "sweagent"]:
            monkeypatch.delitem(sys.modules, name)
        return root

    return make


def test_not_installed(run_python):
    code = (
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'sweagent': raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
        "sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        "from slm_ext.hosts.sweagent import available\n"
        "print(*available(), sep='|')\n"
    )
    from pathlib import Path

    import slm_ext

    done = run_python("-c", code, env={"PYTHONPATH": str(Path(slm_ext.__file__).parents[1])})
    assert done.stdout.startswith("False|SWE-agent is not installed; next: pip install -e"), done.stderr


def test_the_placeholder_on_pypi(only):
    only("sweagent/__init__.py")
    there, reason = available()
    assert not there
    assert "placeholder" in reason
    assert INSTALL_LINE in reason


def test_an_install_without_its_folders(only, monkeypatch):
    root = only("sweagent/__init__.py", "sweagent/run/run_single.py", "config", "tools")
    for name in ("SWE_AGENT_CONFIG_DIR", "SWE_AGENT_TOOLS_DIR", "SWE_AGENT_TRAJECTORY_DIR"):
        monkeypatch.delenv(name, raising=False)
    there, reason = available()
    assert not there
    assert "trajectories/" in reason
    assert "SWE_AGENT_TRAJECTORY_DIR" in reason
    monkeypatch.setenv("SWE_AGENT_TRAJECTORY_DIR", str(root))
    assert "trajectories/" not in available()[1]


@pytest.mark.sweagent
def test_installed():
    there, where = available()
    assert there
    assert where.startswith("SWE-agent at ")
