"""Every way into SWE-agent, through the installed `.pth`: stock runs are untouched, our errors are one message."""

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.sweagent

ISSUE = ["--problem_statement.text=x", "--problem_statement.id=i"]
BATCH = ["--instances.type=swe_bench", "--instances.subset=lite", "--instances.split=dev"]
SCRIPT = str(Path(sys.executable).parent / "sweagent")
QUICK = ("sweagent run", "sweagent run-batch")
ENTRANCES = {
    "sweagent run": [SCRIPT, "run", *ISSUE],
    "sweagent run-batch": [SCRIPT, "run-batch", *BATCH],
    "python -m sweagent run": ["-m", "sweagent", "run", *ISSUE],
    "python -m sweagent.run.run_single": ["-m", "sweagent.run.run_single", *ISSUE],
    "python -m sweagent.run.run_batch": ["-m", "sweagent.run.run_batch", *BATCH],
}

SPARING = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in ENTRANCES]
"""Every entrance; those that differ only in how Python is started wait for a slow run."""


@pytest.fixture(autouse=True)
def _installed():
    """The `.pth` only works from a site folder."""
    from importlib.metadata import PackageNotFoundError, files

    try:
        listed = [str(file) for file in files("slm-ext") or []]
    except PackageNotFoundError:
        listed = []
    if not any(name.endswith("slm_ext_sweagent.pth") for name in listed):
        pytest.skip("slm-ext is not installed in this environment, so its .pth is not in a site folder")


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_an_error_of_ours_is_one_message_and_exit_code_2(run_python, entrance, tmp_path):
    done = run_python(*ENTRANCES[entrance], "--slm", "flywheel-tinny")
    assert done.returncode == 2, done.stderr[-2000:]
    lines = done.stderr.splitlines()
    assert lines[0] == "find the provider 'flywheel-tinny'"
    assert lines[1:] and all(line.startswith("  ") for line in lines[1:])
    assert "nearest: 'flywheel-tiny'" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not [path for path in tmp_path.iterdir() if path.name != "home"], "something was started or written"


@pytest.mark.parametrize("entrance", SPARING)
def test_a_stock_run_is_byte_identical(run_python, entrance):
    words = [*ENTRANCES[entrance], "--print_config", "--agent.model.name=gpt-4o"]
    ours, stock = run_python(*words), run_python(*words, env={"SLM_EXT_DISABLE": "1"})
    assert (ours.returncode, ours.stdout, ours.stderr) == (stock.returncode, stock.stdout, stock.stderr)
    assert stock.returncode == 0
    assert "gpt-4o" in stock.stdout


@pytest.mark.parametrize("entrance", SPARING)
def test_the_option_is_taken(run_python, entrance):
    done = run_python(*ENTRANCES[entrance], "--slm", "flywheel-tiny", "--print_config")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "name: slm/flywheel-tiny" in done.stdout


def test_switched_off_the_option_is_unknown_as_in_stock(run_python):
    done = run_python(*ENTRANCES["sweagent run"], "--slm", "flywheel-tiny", env={"SLM_EXT_DISABLE": "1"})
    assert done.returncode == 1
    assert "unrecognized arguments: --slm flywheel-tiny" in done.stdout


def test_a_stock_mistake_stays_a_stock_mistake(run_python):
    words = [*ENTRANCES["sweagent run"], "--agent.model.name=gpt-4o", "--agent.nonsense=1"]
    ours, stock = run_python(*words), run_python(*words, env={"SLM_EXT_DISABLE": "1"})
    assert (ours.returncode, ours.stdout) == (stock.returncode, stock.stdout)
    assert ours.returncode == 1


def test_the_help_shows_the_options(run_python):
    done = run_python(SCRIPT, "run", "--help")
    assert done.returncode == 0
    assert "slm_providers" in done.stdout


def test_the_price_list_is_not_fetched(run_python):
    """litellm would ask the network for it at import; a run of ours needs no prices."""
    code = "import os, sweagent.run.run_single; print(os.environ.get('LITELLM_LOCAL_MODEL_COST_MAP'))"
    enter = "import sys; sys.argv, sys.orig_argv = ['sweagent', 'run', *sys.argv[1:]], ['sweagent']; "
    enter += "from slm_ext.hosts.sweagent.bootstrap.gate import enter; enter(); "
    clean = {"LITELLM_LOCAL_MODEL_COST_MAP": ""}
    done = run_python("-c", enter + "import os; print(repr(os.environ['LITELLM_LOCAL_MODEL_COST_MAP']))", env=clean)
    assert done.stdout == "''\n"
    program = "import os; del os.environ['LITELLM_LOCAL_MODEL_COST_MAP']; " + enter + code
    done = run_python("-c", program, "--slm", "flywheel-tiny")
    assert done.stdout.splitlines()[-1] == "True", done.stderr[-2000:]
