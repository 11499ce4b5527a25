"""Runs pytest with the python on PATH: its own process group, a time limit, and no file left in the repository."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import testing
from .failures import ToolError, one_line
from .files import locate

MAX_TIMEOUT_S = 600
_GRACE_S = 3.0  # after an interrupt pytest still writes its report


def run(root, targets=None, keyword=None, maxfail=None, timeout_s=30):
    """Run the tests and return one TestResult (`testing.report`).

    Args:
        root: repository, also the working directory.
        targets: files, folders or node ids; none means what the project's own settings select.
        keyword: pytest's ``-k`` expression.
        maxfail: stop after this many failures.
        timeout_s: seconds until the whole process group is ended; results so far are kept.
    """
    try:
        _check(root, targets, maxfail, timeout_s)
    except ToolError as error:
        return error.result("pytest_run")
    folder = tempfile.mkdtemp(prefix="slm-pytest-")
    try:
        return _run(root, targets or [], keyword, maxfail, timeout_s, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check(root, targets, maxfail, timeout_s):
    for target in targets or []:
        if not target or target.startswith("-"):
            raise ToolError(
                "bad_argument", f"a target is a file, folder or node id, got {one_line(target) or 'nothing'}"
            )
        locate(root, target.split("::")[0])
    if maxfail is not None and maxfail < 1:
        raise ToolError("bad_argument", f"maxfail is at least 1, got {maxfail}")
    if not 1 <= timeout_s <= MAX_TIMEOUT_S:
        raise ToolError("bad_argument", f"timeout_s is 1 to {MAX_TIMEOUT_S} seconds, got {timeout_s}")


def _run(root, targets, keyword, maxfail, timeout_s, folder):
    python = shutil.which("python") or shutil.which("python3") or sys.executable
    junit = os.path.join(folder, "junit.xml")
    command = [python, "-m", "pytest", "-o", "junit_family=xunit1", f"--junitxml={junit}", "--color=no"]
    # Not `-p no:cacheprovider`: a project whose addopts say --lf or --ff would no longer start.
    command += ["-o", "cache_dir=" + os.path.join(folder, "cache")]
    command += [f"-k={keyword}"] if keyword else []
    command += [f"--maxfail={maxfail}"] if maxfail else []
    command += targets
    started = time.monotonic()
    with open(os.path.join(folder, "out"), "w+b") as out, open(os.path.join(folder, "err"), "w+b") as err:
        code, timed_out = _wait(command, root, _environment(folder), out, err, timeout_s)
        stdout, stderr = _read(out), _read(err)
    xml_text = None
    with contextlib.suppress(OSError), open(junit, encoding="utf-8", errors="replace") as stream:
        xml_text = stream.read()
    hide = [(folder, "<tmp>"), (os.path.realpath(folder), "<tmp>")]
    version = re.search(r"\bpytest-(\d[\w.]*)", stdout)
    result = testing.report_from_junit(
        xml_text,
        code,
        stdout,
        stderr,
        root=root,
        rootdir=_rootdir(stdout),
        hide=hide,
        command=["python", *command[1:3], *(word for word in command[3:] if folder not in word)],
        duration_s=time.monotonic() - started,
        tool_version=version.group(1) if version else "",
    )
    if timed_out:
        at = re.search(r"^(\S+:\d+): KeyboardInterrupt", stdout, re.MULTILINE)
        place = " at " + at.group(1).replace(os.path.realpath(root) + "/", "") if at else ""
        result.update(status="timeout", ok=False, exit_code=None, message=f"stopped after {timeout_s} s{place}")
    return result


def _environment(folder):
    env = {key: value for key, value in os.environ.items() if key != "SLM_TOOL_RESULT"}
    env.update(
        PYTHONDONTWRITEBYTECODE="1",
        PYTEST_DEBUG_TEMPROOT=folder,
        COVERAGE_FILE=os.path.join(folder, "coverage"),
        HYPOTHESIS_STORAGE_DIRECTORY=os.path.join(folder, "hypothesis"),
        PY_COLORS="0",
    )
    return env


def _wait(command, root, env, out, err, timeout_s):
    """(exit code, whether the time was up). Nothing of the process group outlives this call."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None

    def prepare():
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it
        if libc is not None:
            libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a host that kills this tool ends pytest too

    process = subprocess.Popen(
        command,
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
        preexec_fn=prepare,
    )
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    timed_out = False
    try:
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            _signal_group(process, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()
        signal.signal(signal.SIGTERM, previous)
    return process.returncode, timed_out


def _signal_group(process, number):
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _read(stream, limit=2_000_000):
    stream.seek(0, os.SEEK_END)
    stream.seek(max(0, stream.tell() - limit))
    return stream.read().decode("utf-8", "replace")


def _rootdir(stdout):
    match = re.search(r"^rootdir: (.*?)(?:, (?:configfile|inifile|testpaths|plugins).*)?$", stdout, re.MULTILINE)
    return match.group(1) if match else None
