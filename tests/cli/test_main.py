"""The frame: what is imported, which exit code, what an error looks like."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from slm_ext import __version__
from slm_ext.cli.main import VERBS
from slm_ext.testing.openai_server import FakeOpenAI, Fault

ROOT = Path(__file__).parents[2]
HEAVY = ("mlx", "mlx_lm", "litellm", "openai", "sweagent", "minisweagent", "torch", "pydantic", "rich", "yaml", "numpy")
REPORT = """
import sys
from slm_ext.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print("MODULES", code, *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def modules_of(*words: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", REPORT, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    label, code, *names = done.stderr.splitlines()[-1].split()
    assert (label, code) == ("MODULES", "0")
    return set(names)


def test_help_imports_nothing_heavy():
    found = modules_of("--help")
    assert found.isdisjoint(HEAVY)
    assert found.isdisjoint({"simple_parsing", "argparse"})


@pytest.mark.parametrize("verb", VERBS)
def test_a_verbs_help_imports_no_model_and_no_host(verb):
    assert modules_of(verb, "--help").isdisjoint(HEAVY[:8])


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_in_the_table_answers_help(slm, verb):
    done = slm(verb, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: slm {verb}")
    assert "Flags [" not in done.stdout or verb == "run"


def test_help_lists_every_verb(slm):
    done = slm("--help")
    assert done.returncode == 0
    for verb, (_, line) in VERBS.items():
        assert verb in done.stdout and line in done.stdout


def test_version(slm):
    assert slm("--version").stdout == f"slm-ext {__version__}\n"


def test_without_a_verb_the_help_goes_to_stderr(slm):
    done = slm()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: slm")


def test_unknown_verb_names_the_nearest(slm):
    done = slm("provider")
    assert (done.returncode, done.stdout) == (2, "")
    assert "slm providers --help" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_flag_names_the_nearest(slm):
    done = slm("providers", "--jsn")
    assert done.returncode == 2
    assert "--json" in done.stderr and "Traceback" not in done.stderr


def test_an_error_is_one_message_and_a_traceback_only_with_debug(slm):
    done = slm("providers", "show", "nobody")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("slm: find the provider 'nobody'\n")
    assert "Traceback" not in done.stderr
    for words in (("--debug", "providers", "show", "nobody"), ("providers", "show", "nobody", "--debug")):
        assert "Traceback" in slm(*words).stderr


def test_an_error_with_json_is_a_document_on_stdout(slm):
    done = slm("providers", "show", "nobody", "--json")
    document = json.loads(done.stdout)
    assert document["exit_code"] == done.returncode == 2
    assert document["error"]["kind"] == "UnknownName"
    assert set(document["error"]) == {"kind", "attempted", "seen", "allowed", "next"}


def test_a_bug_shows_its_traceback(tmp_path):
    (tmp_path / "broken.py").write_text("def main(argv):\n    raise ValueError('a bug')\n")
    code = "import sys; from slm_ext.cli import main as m; m.VERBS['bug'] = ('broken', ''); sys.exit(m.main(['bug']))"
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ValueError: a bug" in done.stderr and "Traceback" in done.stderr


def test_an_interrupt_ends_with_130(project, providers, environ):
    arrived = threading.Event()

    def hang(request):
        arrived.set()
        return Fault(wait_s=60)

    with FakeOpenAI([hang], model="m") as server:
        providers(f"slm_providers: {{slow: {{model: m, api_base: '{server.base_url}'}}}}")
        process = subprocess.Popen(
            [sys.executable, "-m", "slm_ext.cli.main", "providers", "check", "slow"],
            cwd=project,
            env={**environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert arrived.wait(60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith("interrupted\n") and "Traceback" not in said


def test_a_closed_pipe_is_no_error(environ):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "slm_ext.cli.main", "--help"]
    done = subprocess.run(command, cwd=ROOT, env=environ, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_an_ascii_terminal_is_no_error(slm):
    assert slm("--help", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}).returncode == 0
