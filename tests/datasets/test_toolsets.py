"""Schemas of a host's tools, from the bundles that a run names."""

import json
import os
from pathlib import Path

import pytest

from slm_ext.datasets.reading import read_episode
from slm_ext.datasets.toolsets import offer_tools, schemas_of
from slm_ext.errors import UsageError
from slm_ext.traces import read_file

TOOL = """
tools:
  open:
    signature: 'open "<path>" [<line_number>]'
    docstring: opens the file
    arguments:
      - {name: path, type: string, description: the file, required: true}
      - {name: line_number, type: integer, description: where to, required: false}
  look:
    signature: look
    docstring: shows where one is
state_command: "_state"
"""


@pytest.fixture
def tools(tmp_path):
    (tmp_path / "windowed").mkdir()
    (tmp_path / "windowed" / "config.yaml").write_text(TOOL)
    return tmp_path


def run(folder: Path, call: dict | None) -> Path:
    reply = {"role": "assistant", "content": "Look.", "thought": "Look.", "action": "open a.py"}
    if call:
        reply["tool_calls"] = [{"id": "1", "type": "function", "function": call}]
    path = folder / "task.traj"
    start = [{"role": "user", "content": "Fix it."}]
    step = {"action": "open a.py", "observation": "x", "response": "Look.", "thought": "Look.", "query": start}
    config = {"agent": {"tools": {"bundles": [{"path": "tools/windowed"}]}}}
    data = {"trajectory": [step], "history": [*start, reply], "info": {}, "replay_config": json.dumps(config)}
    path.write_text(json.dumps(data))
    return path


def episode_of(path: Path):
    [trace] = read_file(path)
    return read_episode(trace), trace.extra["bundles"]


def test_schemas_are_openais(tools):
    opened, looked = schemas_of(("windowed",), tools)
    assert opened["function"]["name"] == "open" and opened["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "the file"},
            "line_number": {"type": "integer", "description": "where to"},
        },
        "required": ["path"],
    }
    assert looked["function"] == {
        "name": "look", "description": "shows where one is", "parameters": {"type": "object"},
    }  # fmt: skip


def test_a_run_gets_the_tools_of_its_bundles(tools):
    episode, bundles = episode_of(run(tools, {"name": "open", "arguments": '{"path": "a.py"}'}))
    assert bundles == ["tools/windowed"] and not episode.tools
    offered = offer_tools(episode, bundles, tools)
    [(sha, given)] = offered.tools.items()
    assert offered.steps[0].tools == sha and [tool["function"]["name"] for tool in given] == ["open", "look"]
    episode, bundles = episode_of(run(tools, {"name": "bash", "arguments": '{"command": "ls"}'}))
    [given] = offer_tools(episode, bundles, tools).tools.values()
    assert [tool["function"]["name"] for tool in given] == ["bash", "open", "look"]


def test_a_run_that_writes_its_actions_as_text_is_offered_none(tools):
    episode, bundles = episode_of(run(tools, None))
    assert not offer_tools(episode, bundles, tools).tools


def test_a_bundle_that_is_not_there_is_named(tools):
    with pytest.raises(UsageError, match="tool bundle gone") as caught:
        schemas_of(("gone",), tools)
    assert "--bundles" in caught.value.next_step


def test_they_are_what_sweagent_makes_of_the_same_files():
    root = os.environ.get("SWEAGENT_ROOT")
    pytest.importorskip("sweagent", reason="SWE-agent is not installed")
    if not root:
        pytest.skip("SWEAGENT_ROOT is not set")
    from sweagent.tools.bundle import Bundle

    for name in ("registry", "edit_anthropic", "windowed", "search", "submit", "review_on_submit_m"):
        bundle = Bundle(path=Path(root) / "tools" / name)
        theirs = [command.get_function_calling_tool() for command in bundle.commands]
        assert json.dumps(schemas_of((name,), Path(root) / "tools")) == json.dumps(theirs), name
