"""Real runs of SWE-smith: labelled by the harness's reports, and the same conversation that its own converter made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slm_ext.datasets import BuildConfig, build_dataset, check_dataset
from slm_ext.datasets.executors import LocalExecutor
from slm_ext.datasets.labels import label, read_verdicts
from slm_ext.datasets.reading import read_episode
from tests.datasets.models import HERMES, model_folder
from tests.traces.readers.peers import folder, read_whole


@pytest.fixture(scope="module")
def logs() -> Path:
    return folder("SWESMITH_ROOT", "tests/test_logs", "the folder of a checkout of SWE-smith, whose runs are read")


@pytest.fixture(scope="module")
def runs(logs) -> dict:
    """By instance."""
    found = [trace for path in sorted(logs.glob("trajectories/*/*.traj")) for trace in read_whole(path)]
    assert found
    return {trace.instance_id: trace for trace in found}


def test_the_harness_judges_them(logs, runs):
    verdicts = read_verdicts([logs / "run_evaluation"])
    for name, trace in runs.items():
        episode = label(read_episode(trace), verdicts)
        report = json.loads((logs / "run_evaluation" / name / "report.json").read_text())
        assert episode.verdict is report.get(name, report)["resolved"]
        assert episode.repo and episode.repo.count("/") == 1 and len(episode.issue) > 500
        assert all(step.status == "ok" and step.tool for step in episode.steps)


def test_the_conversation_is_that_of_their_converter(logs, runs):
    """Theirs has calls as text, behind what is said."""
    example = json.loads((logs / "ft_xml_example.jsonl").read_text().splitlines()[0])
    trace = runs.get(example["instance_id"])
    if trace is None:
        pytest.skip(f"the checkout has no trajectory of {example['instance_id']}")
    last = trace.turns[-1]
    ours = [*last.messages, last.answer.reply]
    theirs = example["messages"]
    assert [message["role"] for message in theirs if message["role"] == "assistant"] == ["assistant"] * len(trace.turns)
    answers = [message for message in ours if message["role"] == "assistant"]
    for mine, other in zip(answers, (m for m in theirs if m["role"] == "assistant"), strict=True):
        assert other["content"].startswith(mine["content"].rstrip())
        for call in mine["tool_calls"]:
            assert f"<function={call['function']['name']}>" in other["content"]
            for value in json.loads(call["function"]["arguments"]).values():
                if isinstance(value, str):
                    assert value.strip() in other["content"]


def test_a_dataset_of_them(logs, tmp_path):
    model = model_folder(tmp_path / "model", HERMES, model_max_length=100_000)
    config = BuildConfig(tokenizer=str(model), unresolved="steps")
    labels, out = [logs / "run_evaluation"], tmp_path / "out"
    manifest = build_dataset([logs / "trajectories"], out, config, labels=labels, executor=LocalExecutor(1))
    assert not manifest.unreadable and manifest.counts["render"]["in"] == manifest.counts["render"]["out"] > 20
    assert check_dataset(out, batch_size=1).ok
