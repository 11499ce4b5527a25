"""SWE-agent's own offline tests give the same result without slm-ext, with its hook, and with its `.pth`."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [pytest.mark.sweagent, pytest.mark.slow]

NEEDS_NETWORK = [
    "--deselect=tests/test_run_replay.py::test_replay",
    "--deselect=tests/test_env_utils.py::test_get_associated_commit_urls",
    "--ignore=tests/test_run_hooks.py",
]
PLAIN = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
HOOKED = "from slm_ext.hosts.sweagent.bootstrap import install; install(); " + PLAIN
VARIANTS = {
    "without": (PLAIN, {"SLM_EXT_DISABLE": "1"}),
    "hook": (HOOKED, {"SLM_EXT_DISABLE": "1"}),
    "pth": (PLAIN, {}),
}
KNOWN = {"3ea751c0": "93 passed, 2 xfailed"}


@pytest.fixture(scope="module")
def checkout():
    """The folder of an editable install, which has the tests beside the package."""
    spec = find_spec("sweagent")
    root = Path(next(iter(spec.submodule_search_locations))).resolve().parent
    if not (root / "tests" / "test_agent.py").is_file():
        pytest.skip(f"SWE-agent at {root} comes without its tests")
    return root


@pytest.fixture(scope="module")
def outcomes(checkout, tmp_path_factory):
    """variant → (counts, failures), each run in a copy of the checkout."""
    found = {}
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SWE_AGENT", "SLM_", "PYTEST"))}
    clean["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), clean["PATH"]])  # they call `sweagent`
    for name, (program, env) in VARIANTS.items():
        copy = tmp_path_factory.mktemp(name) / "SWE-agent"
        shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git", "docs", "assets"), symlinks=True)
        words = ["-q", "-m", "not slow", "-p", "no:cacheprovider", "-rfE", *NEEDS_NETWORK, "tests"]
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=copy,
            env={**clean, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": str(copy), **env},
            capture_output=True,
            text=True,
            timeout=900,
        )
        summary = done.stdout.splitlines()[-1] if done.stdout else done.stderr[-2000:]
        counts = ", ".join(re.findall(r"\d+ (?:passed|failed|errors?|xfailed|xpassed|skipped)", summary))
        failures = sorted(line.split(" - ")[0] for line in done.stdout.splitlines() if line[:6] in ("FAILED", "ERROR "))
        found[name] = (counts, failures)
    return found


@pytest.mark.parametrize("variant", ["hook", "pth"])
def test_same_result(outcomes, variant):
    assert "passed" in outcomes["without"][0]
    assert outcomes[variant] == outcomes["without"]


def test_the_result_we_know(outcomes, checkout):
    commit = subprocess.run(["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True)
    expected = KNOWN.get(commit.stdout[:8])
    if expected is None:
        pytest.skip(f"no known result for SWE-agent at {commit.stdout.strip() or 'an unknown commit'}")
    assert outcomes["without"] == (expected, [])
