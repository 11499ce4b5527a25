"""Run a task's tests in this process, thousands per minute, with the messages pytest itself would print.

The corpus needs several test runs per trajectory; a pytest process each would take days. So a test module is compiled
with pytest's own assertion rewriting and its functions are called one by one. `tests/tiny/test_execution.py` holds this
against the real `pytest_run`, byte for byte. Mutants may loop or grow: every call runs under a limit of processor time
(SIGVTALRM), a low recursion limit and, on Linux, a limit of new memory. What stays inside one C call is not stopped.

Private API of pytest used: `_pytest.assertion.rewrite.rewrite_asserts` and the hook of `_pytest.assertion`.
"""

from __future__ import annotations

import ast
import signal
import sys
import types
from contextlib import contextmanager

__all__ = ["Runaway", "TestRun", "evaluate", "run_tests"]

_SECONDS = 0.1
_NEW_BYTES = 2 << 30


class Runaway(BaseException):
    """The code under test ran past a limit, or did something that is not reproduced here, such as a failed import."""


class TestRun(dict):
    """One test's outcome: `nodeid`, `outcome` (passed or failed), `line` (1-based), `message`."""

    __test__ = False


def evaluate(source: str, expressions: tuple[str, ...]) -> list:
    """Values of `expressions` after running `source`; raises `Runaway` or what the code raises."""
    namespace: dict = {"__name__": "sketch"}
    with _limits():
        exec(compile(source, "sketch.py", "exec"), namespace)
        return [eval(compile(e, "check", "eval"), namespace) for e in expressions]


def run_tests(modules: dict[str, str], test_path: str, test_source: str) -> list[TestRun]:
    """Outcomes of every test function of one test file, in order.

    Args:
        modules: import name → source text of the code under test.
        test_path: repo-relative POSIX path, for node ids.
        test_source: text of the test file.

    Raises:
        Runaway: a limit was passed, or a module or the test file did not import.
    """
    with _imported(modules) as broken:
        if broken:
            raise Runaway(broken)
        try:
            module = _load_test(test_path, test_source)
        except (Exception, SystemExit) as e:
            raise Runaway(repr(e)) from None
        return [
            _run_one(test_path, name, f) for name, f in vars(module).items() if name.startswith("test_") and callable(f)
        ]


_REWRITTEN: dict[tuple[str, str], types.CodeType] = {}


def _load_test(path: str, source: str) -> types.ModuleType:
    key = (path, source)
    if key not in _REWRITTEN:
        from _pytest.assertion.rewrite import rewrite_asserts

        if len(_REWRITTEN) > 64:
            _REWRITTEN.clear()
        tree = ast.parse(source)
        rewrite_asserts(tree, source.encode(), path, _config())
        _REWRITTEN[key] = compile(tree, path, "exec")
    module = types.ModuleType("test_module")
    with _limits():
        exec(_REWRITTEN[key], module.__dict__)
    return module


def _run_one(path: str, name: str, function) -> TestRun:
    from _pytest import assertion
    from _pytest._code import ExceptionInfo

    run = TestRun(nodeid=f"{path}::{name}", outcome="passed", line=function.__code__.co_firstlineno, message="")
    explain = assertion.pytest_runtest_protocol(_Item(_config()))  # pytest's own comparison texts
    next(explain)
    try:
        with _limits():
            function()
    except (Exception, SystemExit) as e:
        if isinstance(e, RecursionError | MemoryError | SystemExit):
            raise Runaway(str(e)) from None
        run["outcome"] = "failed"
        run["message"] = ExceptionInfo.from_exception(e).exconly(tryshort=True)
    finally:
        next(explain, None)
    return run


_CONFIG = None


def _config():
    global _CONFIG
    if _CONFIG is None:
        from _pytest.config import get_config

        _CONFIG = get_config()
        _CONFIG.parse(["-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "/"])
    return _CONFIG


class _Item:
    """As much of a pytest item as pytest's assertion hook asks for."""

    def __init__(self, config):
        self.config, self.ihook = config, config.hook


@contextmanager
def _limits():
    def stop(*_):
        raise Runaway("time limit")

    previous = signal.signal(signal.SIGVTALRM, stop)
    recursion = sys.getrecursionlimit()
    depth = len(_stack())
    sys.setrecursionlimit(depth + 300)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        with _limited_memory():
            yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
        sys.setrecursionlimit(recursion)


@contextmanager
def _limited_memory():
    """A soft limit a little above what the process has now; it may be the trainer, with gigabytes of its own."""
    if sys.platform != "linux":
        yield
        return
    import resource

    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = size + _NEW_BYTES
    if soft != resource.RLIM_INFINITY:
        wanted = min(wanted, soft)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _stack() -> list:
    frames, frame = [], sys._getframe()
    while frame:
        frames.append(frame)
        frame = frame.f_back
    return frames


@contextmanager
def _imported(modules: dict[str, str]):
    """The modules importable by name; yields a reason where one does not even import."""
    added: list[str] = []
    broken = ""
    try:
        for name, source in modules.items():
            parent = name.rpartition(".")[0]
            if parent and parent not in sys.modules:
                sys.modules[parent] = types.ModuleType(parent)
                sys.modules[parent].__path__ = []
                added.append(parent)
            module = types.ModuleType(name)
            sys.modules[name] = module
            added.append(name)
            try:
                with _limits():
                    exec(compile(source, name, "exec"), module.__dict__)
            except (Exception, SystemExit) as e:
                broken = repr(e)
        yield broken
    finally:
        for name in added:
            sys.modules.pop(name, None)
