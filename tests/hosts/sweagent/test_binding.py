"""What is bound into the SWE-agent that is installed here, and what happens where a symbol is missing."""

import textwrap
from types import ModuleType

import pytest
from pydantic import BaseModel

from slm_ext.hosts.sweagent.bootstrap.symbols import Error, Fields, Members, Parameters, Symbol, problems


class Shaped(BaseModel):
    name: str
    limit: int = 0

    def query(self, history, n=1): ...


class Odd(Exception):
    def __init__(self, message, code): ...


@pytest.fixture
def module():
    made = ModuleType("toy.shapes")
    made.Shaped, made.Odd, made.function, made.number = Shaped, Odd, lambda args, tools: None, 3
    return made


@pytest.mark.parametrize(
    ("name", "shape", "problem"),
    [
        ("Shaped", Fields(("name", "limit")), ""),
        ("Shaped", Fields(("name", "cost")), "lacks the field cost"),
        ("function", Fields(("name",)), "is not a pydantic class"),
        ("Shaped", Members(("query",)), ""),
        ("Shaped", Members(("query", "reset")), "lacks the attribute reset"),
        ("number", Members(("query",)), "is not a class"),
        ("function", Parameters(("args", "tools")), ""),
        ("function", Parameters(("args",)), ""),
        ("function", Parameters(("tools", "args")), "takes (args, tools), expected (tools, args)"),
        ("number", Parameters(()), "is not callable"),
        ("Shaped.query", Parameters(("self", "history", "n")), ""),
        ("Odd", Error(("message", "code")), ""),
        ("number", Error(), "is not an exception class"),
        ("NoSuchThing", Members(()), "is missing"),
        ("Shaped.no_such_method", Parameters(()), "is missing"),
    ],
)
def test_shapes(module, name, shape, problem):
    expected = [f"toy.shapes.{name} {problem}"] if problem else []
    assert problems(module, (Symbol("toy.shapes", name, shape),)) == expected


def test_an_exception_that_cannot_be_raised_as_we_do(module):
    (found,) = problems(module, (Symbol("toy.shapes", "Odd", Error(("message",))),))
    assert found.startswith("toy.shapes.Odd cannot be raised: ")


def test_other_modules_are_not_checked(module):
    assert problems(module, (Symbol("toy.others", "NoSuchThing", Members(())),)) == []


@pytest.mark.sweagent
def test_the_whole_table_holds_here_and_everybody_holds_the_bound_names(run_python):
    code = textwrap.dedent(
        """
        import sys
        from slm_ext.hosts.sweagent.bootstrap import install
        install(); install()
        from slm_ext.hosts.sweagent.bootstrap.hook import PostExecFinder
        finders = [finder for finder in sys.meta_path if isinstance(finder, PostExecFinder)]
        assert len(finders) == 1
        import sweagent.run.run_batch as batch, sweagent.run.run_single as single
        import sweagent.agent.agents as agents, sweagent.agent.models as models, sweagent.agent.reviewer as reviewer
        binding = finders[0]._after.__self__
        assert binding.problem == ""
        assert set(binding.modules) <= set(sys.modules)
        assert batch.RunSingleConfig is single.RunSingleConfig
        for config in (single.RunSingleConfig, batch.RunBatchConfig):
            assert {"slm", "slm_providers"} <= set(config.model_fields)
        assert single.RunSingleConfig.__module__ == "sweagent.run.run_single"
        assert agents.get_model is models.get_model is reviewer.get_model
        assert hasattr(models.get_model, "__wrapped__")
        assert single.get_agent_from_config is batch.get_agent_from_config is agents.get_agent_from_config
        print("bound")
        """
    )
    done = run_python("-c", code)
    assert done.stdout.splitlines()[-1:] == ["bound"], done.stderr[-3000:]


MISSING = """
import sys
from slm_ext.hosts.sweagent.bootstrap.binding import Binding
from slm_ext.hosts.sweagent.bootstrap.hook import PostExecFinder
from slm_ext.hosts.sweagent.bootstrap.symbols import TABLE, Members, Symbol
table = (*TABLE, Symbol("sweagent.run.run_single", "NoSuchThing", Members(())))
binding = Binding(table)
sys.meta_path.insert(0, PostExecFinder(binding.modules, binding.after))
import sweagent.run.run_single as single, sweagent.run.run_batch as batch
import sweagent.agent.models as models, sweagent.agent.agents as agents, sweagent.run.common as common
assert "NoSuchThing is missing" in binding.problem
for bound in (models.get_model, agents.get_agent_from_config, common.BasicCLI.get_config):
    assert not hasattr(bound, "__wrapped__"), bound
for function in (single.run_from_config, single.run_from_cli, batch.run_from_config, batch.run_from_cli):
    assert not hasattr(function, "__wrapped__"), function
for config in (single.RunSingleConfig, batch.RunBatchConfig):
    assert "slm" not in config.model_fields
print("stock")
"""


@pytest.mark.sweagent
def test_a_missing_symbol_binds_nothing_and_a_stock_run_goes_on(run_python):
    done = run_python("-c", MISSING, "run", "--agent.model.name", "gpt-4o")
    assert done.stdout.splitlines()[-1:] == ["stock"], done.stderr[-3000:]
    assert "slm" not in done.stderr


@pytest.mark.sweagent
@pytest.mark.parametrize("words", [["run", "--slm", "flywheel-tiny"], ["run", "--agent.model.name=slm/x"]])
def test_a_run_that_asks_for_us_ends_with_one_message_that_names_the_symbol(run_python, words):
    done = run_python("-c", MISSING, *words)
    assert done.returncode == 2
    assert "stock" not in done.stdout
    assert done.stderr.splitlines()[0] == "enter SWE-agent for --slm"
    assert "sweagent.run.run_single.NoSuchThing is missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.sweagent
def test_too_late_to_bind_is_refused(run_python):
    code = """
import sweagent.agent.models
from slm_ext.errors import UsageError
from slm_ext.hosts.sweagent.bootstrap import install
try:
    install()
except UsageError as error:
    assert "sweagent.agent.models" in error.seen, error
    print("refused")
import sys
assert not any("slm_ext" in type(finder).__module__ for finder in sys.meta_path)
"""
    done = run_python("-c", code)
    assert done.stdout.splitlines()[-1:] == ["refused"], done.stderr[-3000:]


def test_the_table_has_every_name_that_is_bound():
    from slm_ext.hosts.sweagent.bootstrap.binding import _REPLACEMENTS
    from slm_ext.hosts.sweagent.bootstrap.symbols import TABLE

    rows = {(row.module, row.name) for row in TABLE}
    assert {(module, name) for module, names in _REPLACEMENTS.items() for name in names} <= rows


def test_nothing_of_ours_imports_sweagent_by_itself(run_python):
    code = """
import sys
from slm_ext.hosts.sweagent import available
from slm_ext.hosts.sweagent.bootstrap import install
available(); install()
assert not [name for name in sys.modules if name.partition(".")[0] in ("sweagent", "swerex", "litellm", "pydantic")]
"""
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
