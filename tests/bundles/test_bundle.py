import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slm_ext.bundles import environment, load_bundles, tool_library
from slm_ext.errors import BundleError
from slm_ext.paths import bundles_dir

GOOD = """
tools:
  greet:
    signature: "greet <name>"
    docstring: "Say hello."
    arguments:
      - name: name
        type: string
        description: "Who."
        required: true
        argument_format: "--name:='{{value|tojson}}'"
"""


def own_bundle(folder: Path, text: str, executable: bool = True) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "config.yaml").write_text(text)
    (folder / "bin" / "greet").write_text("#!/bin/sh\n")
    (folder / "bin" / "greet").chmod(0o755 if executable else 0o644)
    return folder


def test_the_base_comes_first_and_once():
    assert [b.name for b in load_bundles(["slm_finish", "slm_base", "slm_edit"])] == [
        "slm_base",
        "slm_finish",
        "slm_edit",
    ]


def test_a_bundle_can_be_a_folder_of_the_user(tmp_path):
    assert "greet" in load_bundles([own_bundle(tmp_path / "mine", GOOD)])[1].tools


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tools: [", "line 1"),
        ("", "top level"),
        ("tool: {}", "top level: tool"),
        (GOOD.replace("{{value|tojson}}", "{{value}}"), "argument_format of name must be"),
        (GOOD.replace("Say hello", "Say {hello}"), "docstring"),
        (GOOD.replace('"greet <name>"', '"greet"'), "must be the name and then <name>"),
        (GOOD.replace('"greet <name>"', '"hello <name>"'), "its signature begins with hello"),
        (GOOD.replace("type: string", "type: number"), "type"),
        (GOOD.replace("type: string", "type: array"), "items belong to arrays"),
        (GOOD.replace("required: true", "required: true\n        shown: no"), "shown"),
        (GOOD.replace("greet", "wave"), "without bin/wave"),
    ],
)
def test_a_wrong_config_is_named(tmp_path, text, told):
    with pytest.raises(BundleError) as error:
        load_bundles([own_bundle(tmp_path / "mine", text)])
    assert told in str(error.value)
    assert str(tmp_path / "mine" / "config.yaml") in str(error.value)


def test_a_tool_that_cannot_be_executed_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"chmod \+x"):
        load_bundles([own_bundle(tmp_path / "mine", GOOD, executable=False)])


def test_two_bundles_with_one_tool_are_refused(tmp_path):
    with pytest.raises(BundleError, match="the tool greet in both one and two"):
        load_bundles([own_bundle(tmp_path / "one", GOOD), own_bundle(tmp_path / "two", GOOD)])


def test_an_unknown_bundle_names_the_nearest():
    with pytest.raises(BundleError, match="did you mean slm_edit") as error:
        load_bundles(["slm_edti"])
    assert "slm_python_quality" in str(error.value)


def test_the_executables_declare_what_the_config_says(bundles):
    tool_library()
    from slm_tools.cli import ARGUMENTS

    described = {
        name: [(a.name, a.type, a.required) for a in tool.arguments] for b in bundles for name, tool in b.tools.items()
    }
    assert described == ARGUMENTS


def test_the_tools_are_python_3_8_and_need_nothing_else():
    files = [*bundles_dir().glob("slm_*/lib/**/*.py"), *bundles_dir().glob("slm_*/bin/*")]
    assert len(files) > 15
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 8))
        imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        imported |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 0}
        roots = {name.split(".")[0] for name in imported} - {"slm_tools"}
        assert roots <= sys.stdlib_module_names, file


def test_the_tools_run_under_an_old_python(repo, bundles, tmp_path):
    old = next((p for v in ("3.8", "3.9") for p in [shutil.which(f"python{v}")] if p and _is(p, v)), None)
    if not old:
        pytest.skip("no python3.8 or python3.9 on PATH")
    (tmp_path / "py").mkdir()
    for name in ("python", "python3"):
        (tmp_path / "py" / name).symlink_to(old)
    env = {**os.environ, **environment(bundles, host="mini", repo_root=repo)}
    env["PATH"] = f"{tmp_path / 'py'}{os.pathsep}{env['PATH']}"
    line = "read_file stats.py count_above && edit_line stats.py 8 '>=' '>' && undo_edit stats.py && submit"
    done = subprocess.run(["bash", "-c", line], cwd=repo, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _is(python, version):
    done = subprocess.run([python, "--version"], capture_output=True, text=True)
    return done.returncode == 0 and re.match(rf"Python {re.escape(version)}\.", done.stdout) is not None


def test_the_tools_work_where_they_are_installed_by_copy(repo, tmp_path):
    """SWE-agent copies each bundle to /root/tools/NAME and puts its bin/ on PATH."""
    for name in ("slm_base", "slm_edit"):
        shutil.copytree(bundles_dir() / name, tmp_path / "tools" / name)
    line = f"export PATH={tmp_path}/tools/slm_edit/bin:$PATH; read_file stats.py --start 1 --end 1; slm_tools_version"
    env = {**os.environ, "PATH": f"{tmp_path}/tools/slm_base/bin{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", line], cwd=repo, env=env, capture_output=True, text=True)
    assert done.stdout.startswith("stats.py: lines 1-1 of 15\n1|LIMIT = 3\nslm tools: output version "), done.stderr
    assert not list((tmp_path / "tools").rglob("__pycache__"))


def test_the_environment_puts_the_tools_first_and_extra_wins(bundles, tmp_path):
    env = environment(bundles, host="mini", repo_root=tmp_path, extra={"PATH": "/opt/x", "SLM_HOST": "sweagent"})
    parts = env["PATH"].split(os.pathsep)
    assert parts[:4] == [str(b.bin) for b in bundles] and parts[4] == "/opt/x"
    assert env["SLM_HOST"] == "sweagent" and env["SLM_TOOL_ROOT"] == str(tmp_path)
