"""Runs that were recorded for this: requeries, elision, a cost exit and truncation, on both hosts.

What the server rendered (`raw_response.slm.prompt_sha`) is what a row shows, and nothing but the accepted answer is
trained.
"""

from __future__ import annotations

import hashlib
import json

import pytest

from slm_ext.datasets import BuildConfig, build_dataset
from slm_ext.datasets.executors import LocalExecutor
from slm_ext.datasets.rendering.formats import marked_text
from slm_ext.datasets.rendering.target import Target
from tests.datasets.models import RUNS

KINDS = ("requery", "elided", "cost", "truncated")
GOLDEN = [f"{host}-{kind}" for host in ("mini", "sweagent") for kind in KINDS]


def calls_of(name: str) -> list[dict]:
    lines = (RUNS / name / "calls.jsonl").read_text().splitlines()
    return [record for line in lines if (record := json.loads(line))["kind"] == "call"]


def built(name: str, out, form: str = "mlx") -> tuple[list[dict], list[dict], dict]:
    """(rows, where they come from, counts) of one run, with all of its good steps."""
    config = BuildConfig(format=form, unresolved="steps", unlabelled="steps")
    manifest = build_dataset([RUNS / name], out, config, executor=LocalExecutor(1))
    files = sorted((out / "provenance").glob("*.jsonl"))
    rows = [json.loads(line) for file in files for line in (out / file.name).read_text().splitlines()]
    return rows, [json.loads(line) for file in files for line in file.read_text().splitlines()], manifest.counts


@pytest.fixture(scope="module")
def target() -> Target:
    return Target("package:flywheel-tiny")


@pytest.mark.parametrize("name", GOLDEN)
def test_rows_show_what_was_served_and_train_what_was_accepted(name, tmp_path, target):
    rows, about, counts = built(name, tmp_path)
    accepted = {
        (call["step"], call["raw_response"]["slm"]["prompt_sha"]): call
        for call in calls_of(name)
        if call["validation"]["status"] == "ok"
    }
    assert counts["prompts"] == {"byte for byte as served": len(rows)} and len(rows) > 2
    for row, place in zip(rows, about, strict=True):
        prompt = target.render(row["messages"][:-1], row["tools"], answer=True)
        whole = target.render(row["messages"], row["tools"], answer=False)
        [step] = place["steps"]
        call = accepted.pop((step["step"], hashlib.sha256(prompt.encode()).hexdigest()))
        made = call["tool_calls"][0]
        [trained] = row["messages"][-1]["tool_calls"]
        assert trained["function"] == {"name": made["name"], "arguments": made["arguments"]}
        before, tokens = target.ids(prompt), target.ids(whole)
        assert tokens[: len(before)] == before
        assert (step["prompt_tokens"], step["target_tokens"]) == (len(before), len(tokens) - len(before))
        if "\ufffd" not in prompt:  # bytes that are no text were served as the tokens that were drawn
            assert step["prompt_tokens"] == call["usage"]["in"]
        assert (
            target.vocabulary.tokenizer.decode(tokens[len(before) :], skip_special_tokens=False) == whole[len(prompt) :]
        )


@pytest.mark.parametrize("name", [name for name in GOLDEN if name.endswith(("requery", "truncated"))])
def test_rejected_replies_are_shown_and_not_trained(name, tmp_path, target):
    rejected = [call for call in calls_of(name) if call["validation"]["status"] == "rejected"]
    rules = [call["validation"]["rejection"]["rule"] for call in rejected]
    assert rules == (["unknown_argument", "malformed"] if name.endswith("requery") else ["truncated", "truncated"])
    rows, _, counts = built(name, tmp_path, "openai")
    assert counts["steps"]["format_error"] == len(rejected)
    parts = [part for row in rows for part in marked_text("openai", row, target)]
    shown = "".join(text for text, trained in parts if not trained)
    # SWE-agent forgets them once a reply is accepted; in this run that one repeats a call, which is not trained
    expected = [] if name == "sweagent-requery" else rules
    assert [rule for rule in rules if f"error {rule}" in shown] == expected
    for text, trained in parts:
        if trained:
            assert text.startswith("<tool_call>\n") and text.endswith("<|im_end|>") and "error " not in text


@pytest.mark.parametrize("name", [name for name in GOLDEN if name.endswith("elided")])
def test_an_elided_prompt_begins_a_conversation_of_its_own(name, tmp_path):
    """A prompt that something was left out of is not the continuation of the one before; one that is cut in the same
    way is."""
    rows, about, _ = built(name, tmp_path, "openai")
    cut = [call for call in calls_of(name) if call["context"] and call["validation"]["status"] == "ok"]
    fresh = [call["step"] for call in cut if call["context"]["new"]]
    assert len(cut) == 9 and fresh == [4, 5, 7, 9, 11]
    assert sorted([step["step"] for step in place["steps"]] for place in about) == [[1, 2], [10], [11, 12]]
    for row, place in zip(rows, about, strict=True):
        trained = [message for message in row["messages"] if message.get("weight")]
        assert len(trained) == len(place["steps"])


@pytest.mark.parametrize("name", [name for name in GOLDEN if name.endswith("cost")])
def test_a_run_ended_by_its_cost_gives_its_good_steps_and_no_draw_that_was_thrown_away(name, tmp_path):
    draws = [call for call in calls_of(name) if call["validation"]["status"] == "resampled"]
    assert len(draws) == 2
    rows, about, _ = built(name, tmp_path)
    steps = [place["steps"][0]["step"] for place in about]
    assert len(steps) == len(set(steps)) <= 4
    assert {place["verdict"] for place in about} == {False if name.startswith("mini") else None}
    said = {json.dumps(row["messages"][-1]["tool_calls"][0]["function"]["arguments"], sort_keys=True) for row in rows}
    thrown = {json.dumps(call["tool_calls"][0]["arguments"], sort_keys=True) for call in draws if call["tool_calls"]}
    assert not said & thrown
