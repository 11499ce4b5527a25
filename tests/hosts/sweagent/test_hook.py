"""The import hook, on a package made for the test and served by an ordinary or an editable finder."""

import textwrap

import pytest

PROGRAM = """
import sys
from slm_ext.hosts.sweagent.bootstrap.hook import PostExecFinder
seen = []
def after(module):
    seen.append(module.__name__)
    if module.__name__ == "toy.low":
        module.value = "bound"
sys.meta_path.insert(0, PostExecFinder(["toy.low", "toy.high", "toy.absent"], after))
"""


@pytest.fixture
def toy(tmp_path):
    package = tmp_path / "src" / "toy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "low.py").write_text("loader_inside = type(__loader__).__name__\nvalue = 'stock'\n")
    (package / "high.py").write_text("from toy.low import value\ncopied = value\n")
    (package / "other.py").write_text("")
    return package.parent


def test_importers_get_the_bound_name(toy, run_python):
    code = PROGRAM + textwrap.dedent(
        """
        import toy.other, toy.high
        assert toy.high.copied == "bound", toy.high.copied
        assert seen == ["toy.low", "toy.high"], seen
        """
    )
    done = run_python("-c", code, env={"PYTHONPATH": str(toy)})
    assert done.returncode == 0, done.stderr


def test_the_module_keeps_its_own_loader(toy, run_python):
    code = PROGRAM + textwrap.dedent(
        """
        import inspect, toy.low
        assert type(toy.low.__loader__).__name__ == "SourceFileLoader"
        assert toy.low.__spec__.loader is toy.low.__loader__
        assert toy.low.loader_inside == "SourceFileLoader"
        assert "value = 'stock'" in inspect.getsource(toy.low)
        """
    )
    done = run_python("-c", code, env={"PYTHONPATH": str(toy)})
    assert done.returncode == 0, done.stderr


def test_a_reload_is_bound_again(toy, run_python):
    code = PROGRAM + textwrap.dedent(
        """
        import importlib, toy.low
        toy.low.value = "lost"
        importlib.reload(toy.low)
        assert toy.low.value == "bound"
        """
    )
    done = run_python("-c", code, env={"PYTHONPATH": str(toy)})
    assert done.returncode == 0, done.stderr


def test_a_missing_module_is_still_missing(toy, run_python):
    code = PROGRAM + textwrap.dedent(
        """
        try:
            import toy.absent
        except ModuleNotFoundError as error:
            assert error.name == "toy.absent"
        else:
            raise AssertionError
        """
    )
    done = run_python("-c", code, env={"PYTHONPATH": str(toy)})
    assert done.returncode == 0, done.stderr


def test_it_delegates_to_the_finder_of_an_editable_install(toy, run_python):
    """Editable installs are served by a finder of their own, which knows the package by name and not by path."""
    code = (
        textwrap.dedent(
            f"""
            import sys
            from importlib.util import spec_from_file_location
            from pathlib import Path
            class Editable:
                @classmethod
                def find_spec(cls, fullname, path=None, target=None):
                    if fullname == "toy":
                        root = Path({str(toy)!r}) / "toy"
                        file = root / "__init__.py"
                        return spec_from_file_location("toy", file, submodule_search_locations=[str(root)])
            sys.meta_path.append(Editable)
            """
        )
        + PROGRAM
        + "import toy.high\nassert toy.high.copied == 'bound'\n"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


def test_threads_may_import_at_the_same_time(toy, run_python):
    code = PROGRAM + textwrap.dedent(
        """
        import importlib, threading
        names = ["toy.low", "toy.high", "toy.other"] * 5
        threads = [threading.Thread(target=importlib.import_module, args=(name,)) for name in names]
        [t.start() for t in threads]; [t.join(20) for t in threads]
        assert not any(t.is_alive() for t in threads)
        assert sorted(seen) == ["toy.high", "toy.low"], seen
        assert sys.modules["toy.high"].copied == "bound"
        """
    )
    done = run_python("-c", code, env={"PYTHONPATH": str(toy)})
    assert done.returncode == 0, done.stderr
