"""`make demo` and `make test` on machines that lack something, and the choice of SWE-agent."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import setup_env
import sweagent_choice
from pip_install import InstallError

from slm_ext.hosts.sweagent import INSTALL_LINE


@pytest.fixture
def machine(tmp_path):
    """A PATH with the named programs and no others; returns a function that starts `with_python.sh` there."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()

    def start(*programs: str, fakes: dict[str, str] | None = None, **environ: str):
        for name in programs:
            (bin_dir / name).symlink_to(shutil.which(name))
        for name, text in (fakes or {}).items():
            (bin_dir / name).write_text(f"#!/bin/sh\n{text}\n")
            (bin_dir / name).chmod(0o755)
        told = "import sys; print(sys.executable, sys.argv[1:])"
        return subprocess.run(
            ["/bin/sh", str(ROOT / "scripts/with_python.sh"), "-c", told, "x"],
            env={"PATH": str(bin_dir), **environ}, capture_output=True, text=True,
        )  # fmt: skip

    return start


REAL_PYTHON = f'exec {sys.executable} "$@"'


def test_a_recent_python_is_started_with_the_arguments(machine):
    done = machine(fakes={"git": "exit 0", "python3": REAL_PYTHON})
    assert done.returncode == 0 and done.stdout.endswith("['x']\n")


def test_missing_git_is_named_with_its_packages(machine):
    done = machine(fakes={"python3": REAL_PYTHON})
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.splitlines()[0].startswith("git is missing")
    assert "apt install git" in done.stderr and "brew install git" in done.stderr


def test_missing_python_is_named_with_its_packages(machine):
    done = machine(fakes={"git": "exit 0"})
    assert done.returncode == 2
    assert "Python 3.11 or newer is missing: python3 is not there" in done.stderr
    assert "apt install python3 python3-venv" in done.stderr and "brew install python" in done.stderr


def test_an_old_python_is_passed_over_for_a_newer_one(machine):
    old = 'case "$1" in --version) echo "Python 3.9.2";; *) exit 1;; esac'
    assert "python3 is Python 3.9.2" in machine(fakes={"git": "exit 0", "python3": old}).stderr
    assert machine(fakes={"python3.12": REAL_PYTHON}).returncode == 0


def test_a_python_that_was_named_must_be_good(machine):
    done = machine(fakes={"git": "exit 0", "python3": REAL_PYTHON}, PYTHON="/no/such/python")
    assert done.returncode == 2 and "PYTHON=/no/such/python is none" in done.stderr


def test_a_python_without_venv_is_named_with_its_package(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert setup_env.main(["demo", "--venv", str(tmp_path / "new")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("venv is missing") and f"python3.{sys.version_info.minor}-venv" in said
    assert not (tmp_path / "new").exists()


@pytest.fixture
def recording(tmp_path):
    """An environment whose python writes down what it is started with; returns it and a reader."""
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    python.chmod(0o755)
    return python, lambda: [line.split()[-1] for line in (tmp_path / "calls").read_text().splitlines()]


def test_a_second_call_installs_nothing(recording):
    python, installed = recording
    for extras in (("mlx",), ("mlx",), ("mlx", "docs", "dev"), ("mlx",)):
        setup_env.install_extras(python, python.parent.parent, extras)
    assert installed() == [f"{ROOT}[mlx]", f"{ROOT}[dev,docs,mlx]"]


def test_another_python_installs_anew(recording, monkeypatch):
    python, installed = recording
    setup_env.install_extras(python, python.parent.parent, ("mlx",))
    monkeypatch.setattr(sys, "version", "3.99.0")
    setup_env.install_extras(python, python.parent.parent, ("mlx",))
    assert len(installed()) == 2


def test_make_test_brings_no_torch():
    """On Linux the wheel of PyPI is a download of gigabytes."""
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = [line for purpose in setup_env.EXTRAS.values() for extra in purpose for line in extras[extra]]
    assert named and not [line for line in named if line.startswith("torch")]


BACKEND = '''
"""Builds the editable wheel of the fake: one .pth that names the folder."""
import os, zipfile

def build_editable(directory, config_settings=None, metadata_directory=None):
    name = "sweagent-1.1.0-py3-none-any.whl"
    info = "sweagent-1.1.0.dist-info"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("sweagent.pth", os.getcwd() + "\\n")
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: sweagent\\nVersion: 1.1.0\\n")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return name

def build_wheel(directory, config_settings=None, metadata_directory=None):
    raise NotImplementedError
'''

PROJECT = """
[project]
name = "sweagent"
version = "1.1.0"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A git repository with the outline of SWE-agent; builds without a download."""
    folder = tmp_path / "SWE-agent"
    files = {
        "pyproject.toml": PROJECT, "backend.py": BACKEND, "sweagent/__init__.py": "", "sweagent/run/__init__.py": "",
        "sweagent/run/run_single.py": "", "swerex/__init__.py": "", "config/default.yaml": "", "tools/x": "",
        "trajectories/.gitkeep": "",
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    who = ("-c", "user.name=x", "-c", "user.email=x@y")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "start")):
        subprocess.run(("git", *words), cwd=folder, check=True)
    return folder


@pytest.fixture
def python(tmp_path) -> Path:
    """The Python of an empty environment that uses this one's pip."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    site = tmp_path / "env" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    import pip

    (site / "pip").symlink_to(Path(pip.__file__).parent)
    return tmp_path / "env" / "bin" / "python"


def test_the_documented_line_with_a_local_checkout(checkout, python):
    commit = subprocess.check_output(("git", "rev-parse", "HEAD"), cwd=checkout, text=True).strip()
    line = f'pip install -e "git+file://{checkout}@{commit}#egg=sweagent"'
    assert "not installed" in sweagent_choice.settle("auto", "test", python, line)
    said = sweagent_choice.settle("auto", "demo", python, line)
    assert said == "SWE-agent: installed"
    where = subprocess.check_output((python, "-c", "import sweagent; print(sweagent.__file__)"), text=True)
    assert Path(where.strip()).is_relative_to(python.parent.parent / "src" / "sweagent")
    assert sweagent_choice.settle("auto", "demo", python, "pip install -e git+file:///gone#egg=sweagent").startswith(
        "SWE-agent: installed ("
    )


def test_a_checkout_by_its_path(checkout, python):
    assert sweagent_choice.settle(str(checkout), "test", python) == f"SWE-agent: installed ({checkout}/sweagent)"


def test_what_was_asked_for_and_does_not_install_is_an_error(tmp_path, python):
    with pytest.raises(InstallError, match=r"no pyproject\.toml"):
        sweagent_choice.settle(str(tmp_path), "demo", python)
    with pytest.raises(InstallError, match=r"(?s)could not install SWE-agent from .*install\.log"):
        sweagent_choice.settle(f"git+file://{tmp_path}/nothing#egg=sweagent", "demo", python)


def test_a_documented_line_that_fails_leaves_mini(tmp_path, python):
    said = sweagent_choice.settle("auto", "demo", python, f'pip install -e "git+file://{tmp_path}#egg=sweagent"')
    assert said.endswith("mini-swe-agent alone") and "\n" not in said


def test_none_asks_nothing(tmp_path):
    assert sweagent_choice.settle("none", "demo", tmp_path / "no-python") == "SWE-agent: left out (SWEAGENT=none)"


def test_a_host_that_answers_in_time_and_one_that_does_not():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(404)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server, socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert sweagent_choice.answers(f"git+http://127.0.0.1:{server.server_port}/SWE-agent@x#egg=sweagent")
        assert not sweagent_choice.answers(f"git+http://127.0.0.1:{silent.getsockname()[1]}/x", seconds=0.2)
        server.shutdown()


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        ("https://github.com/SWE-agent/SWE-agent", "git+https://github.com/SWE-agent/SWE-agent#egg=sweagent"),
        ("git+file:///x#egg=sweagent", "git+file:///x#egg=sweagent"),
    ],
)
def test_urls_as_people_write_them(choice, taken):
    assert sweagent_choice.requirement(choice) == taken


def test_the_documented_line_names_a_whole_commit():
    url = sweagent_choice.documented(INSTALL_LINE)
    commit = url.partition("@")[2].partition("#")[0]
    assert url.startswith("git+https://github.com/SWE-agent/SWE-agent@") and url.endswith("#egg=sweagent")
    assert len(commit) == 40 and set(commit) <= set("0123456789abcdef")


def test_the_demo_is_a_repository_with_a_failing_test(tmp_path):
    import demo

    for name in ("inventory", "bookings", "playlist"):
        scratch = demo.prepare(name, tmp_path)
        done = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
            cwd=scratch / name, capture_output=True, text=True, env=os.environ | {"PYTEST_ADDOPTS": ""},
        )  # fmt: skip
        assert done.returncode == 1 and " failed" in done.stdout, name
        symbol = (scratch / "issue.md").read_text().split("`")[1]
        assert symbol in (scratch / "issue.md").read_text().split("`")[2] and symbol in done.stdout


def test_an_unknown_demo_names_those_there_are(capsys):
    import demo

    assert demo.main(["nothing"]) == 2
    assert "bookings, inventory, playlist" in capsys.readouterr().err
