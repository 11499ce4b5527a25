"""The gate: which processes are SWE-agent, and what an unrelated Python pays."""

import sys
from pathlib import Path

import pytest

from slm_ext.hosts.sweagent.bootstrap.gate import is_sweagent
from slm_ext.hosts.sweagent.bootstrap.request import asked

PTH = Path(__file__).parents[3] / "slm_ext_sweagent.pth"


@pytest.mark.parametrize(
    ("argv", "orig_argv"),
    [
        (["/venv/bin/sweagent", "run"], ["python", "/venv/bin/sweagent", "run"]),
        (["C:\\venv\\Scripts\\sweagent.exe"], ["python", "C:\\venv\\Scripts\\sweagent.exe"]),
        (["sweagent"], ["sweagent"]),
        (["-m", "run", "--slm", "x"], ["python", "-m", "sweagent", "run", "--slm", "x"]),
        (["-m"], ["python", "-I", "-m", "sweagent.run.run_single"]),
        (["-m", "a"], ["python", "-msweagent.run.run_batch", "a"]),
        (["-m"], ["python", "-Imsweagent"]),
        (["-m"], ["python", "-m", "sweagent.run"]),
    ],
)
def test_a_process_of_sweagent_is_recognised(argv, orig_argv):
    assert is_sweagent(argv, orig_argv)


@pytest.mark.parametrize(
    ("argv", "orig_argv"),
    [
        ([""], ["python"]),
        ([], []),
        (["-c", "sweagent"], ["python", "-c", "import sweagent", "sweagent"]),
        (["/home/sweagent/tool.py", "sweagent"], ["python", "/home/sweagent/tool.py", "sweagent"]),
        (["my-sweagent"], ["python", "my-sweagent"]),
        (["-m", "sweagent"], ["python", "-m", "pytest", "sweagent"]),
        (["-m"], ["python", "-m", "sweagent_tools"]),
        (["-m"], ["python", "-m", "sweagent.inspector.server"]),
    ],
)
def test_every_other_process_is_not(argv, orig_argv):
    assert not is_sweagent(argv, orig_argv)


def test_the_pth_is_one_line_that_site_executes():
    (line,) = PTH.read_text().splitlines()
    assert line.startswith("import sys; ")


def _exec_pth(argv, orig_argv, *, path="", environ=""):
    """A child that runs the `.pth` line the way site does, then prints which of our modules it imported."""
    return (
        "import sys, os\n"
        f"sys.path[:0] = {[path] if path else []!r}\n"
        f"sys.argv[:], orig = {argv!r}, {orig_argv!r}\n"
        "sys.orig_argv = orig\n"
        f"{environ}\n"
        "before = set(sys.modules)\n"
        f"exec({PTH.read_text().strip()!r})\n"
        "print(sorted(set(sys.modules) - before))\n"
    )


def test_an_unrelated_python_imports_nothing(run_python):
    for argv in (["-c"], ["/x/tool.py"], ["-m", "sweagent"], [""]):
        done = run_python("-c", _exec_pth(argv, ["python", "-m", "pytest"]))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "[]\n", argv


def test_a_process_of_sweagent_enters(run_python):
    done = run_python("-c", _exec_pth(["/venv/bin/sweagent"], ["python", "/venv/bin/sweagent"]))
    assert "slm_ext.hosts.sweagent.bootstrap.hook" in done.stdout
    assert done.stderr == ""


def test_disable_keeps_the_hook_out(run_python):
    code = _exec_pth(["sweagent"], ["sweagent"], environ="os.environ['SLM_EXT_DISABLE'] = '1'")
    done = run_python("-c", code)
    assert "slm_ext.hosts.sweagent.bootstrap.hook" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("damage", ["raise RuntimeError('no')", "import no_such_module_at_all", "1/0", "syntax error"])
def test_it_never_raises(run_python, tmp_path, damage):
    """A broken or half-removed installation of ours must not break SWE-agent's start."""
    broken = tmp_path / "broken" / "slm_ext"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(damage)
    done = run_python("-c", _exec_pth(["sweagent"], ["sweagent", "run", "--slm", "x"], path=str(broken.parent)))
    assert (done.returncode, done.stderr) == (0, "")


def test_it_survives_a_python_without_argv(run_python):
    line = PTH.read_text().strip()
    done = run_python("-c", f"import sys\ndel sys.argv, sys.orig_argv\nexec({line!r})")
    assert (done.returncode, done.stderr) == (0, "")


def test_asked():
    assert asked(["run", "--slm", "tiny"], {})
    assert asked(["run", "--slm=tiny"], {})
    assert asked(["--agent.model.name=slm/tiny"], {})
    assert asked(["--agent.model.name", "slm/tiny"], {})
    assert asked([], {"SWE_AGENT_SLM": "tiny"})
    assert not asked(
        ["run", "--agent.model.name", "gpt-4o", "--problem_statement.text", "slmall"], {"SWE_AGENT_SLM": ""}
    )


def test_asked_reads_the_configuration_files(tmp_path):
    ours, stock = tmp_path / "ours.yaml", tmp_path / "stock.yaml"
    ours.write_text("slm_providers: {}\n")
    stock.write_text("agent: {model: {name: gpt-4o}}\n")
    assert asked(["--config", str(stock), "--config", str(ours)], {})
    assert asked([f"--config={ours}"], {})
    assert not asked(["--config", str(stock), "--config", str(tmp_path / "missing.yaml")], {})


def test_sys_argv_is_set_when_pth_files_run(run_python, tmp_path):
    """What the whole gate rests on: site runs after `sys.argv` is filled in, with `-m` in place of the module."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "probe.pth").write_text("import sys; print('pth', sys.argv, sys.orig_argv[-2:])\n")
    (tmp_path / "script.py").write_text("")
    code = f"import site; site.addsitedir({str(site)!r})"
    (tmp_path / "sitecustomize.py").write_text(code)
    done = run_python("-m", "this", env={"PYTHONPATH": str(tmp_path)})
    assert "pth ['-m'] ['-m', 'this']" in done.stdout
    done = run_python("script.py", "word", env={"PYTHONPATH": str(tmp_path)})
    assert "pth ['script.py', 'word'] ['script.py', 'word']" in done.stdout
    assert sys.version_info >= (3, 11)
