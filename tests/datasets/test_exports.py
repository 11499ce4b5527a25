"""What teaches by comparison: equal prompts, a better and a worse answer, right labels, nothing that is tested on."""

from __future__ import annotations

import json

import pytest

from slm_ext.datasets import BuildConfig, DecontaminationConfig, SplitConfig, build_dataset
from slm_ext.datasets.episode import Episode, Step
from slm_ext.datasets.executors import LocalExecutor
from slm_ext.datasets.exports.judging import kto_rows, verifier_rows
from slm_ext.datasets.exports.pairing import fix_pairs, run_pairs, step_pairs
from slm_ext.datasets.rendering.row import Renderer
from slm_ext.datasets.rendering.target import Target
from slm_ext.paths import tiny_model_dir
from tests.datasets.models import RUNS, call, conversation, tool

TINY = "package:flywheel-tiny"
EXPORTS = ("fixes", "pairs", "step_pairs", "kto", "verifier")
TOOLS = {"t": [tool("read_file", {"path": {"type": "string"}}), tool("edit_line", {"line": {"type": "integer"}})]}
READ, SUBMIT = call("read_file", {"path": "a.py"}), call("submit", {})


@pytest.fixture(scope="module")
def render() -> Renderer:
    return Renderer(Target(TINY), BuildConfig())


def run(*exchanges, verdict: bool | None, name: str = "e") -> Episode:
    episode = conversation(*exchanges)
    episode.id, episode.verdict, episode.tools = name, verdict, TOOLS
    for step in episode.steps:
        step.tools = "t"
    return episode


def rejected(episode: Episode, at: int, *replies: dict) -> Episode:
    """The episode with replies that were rejected before the step `at` was answered; each is told and asked anew."""
    good = episode.steps[at]
    prompt, steps = list(good.prompt), []
    for attempt, reply in enumerate(replies, start=1):
        step = Step(number=good.number, attempt=attempt, prompt=list(prompt), reply=reply, status="rejected")
        step.error, step.bad, step.tools = "no_call", ["format_error"], "t"
        steps.append(step)
        episode.messages += [
            {"role": "assistant", "content": reply["content"]},
            {"role": "user", "content": "Call a tool."},
        ]
        prompt += [len(episode.messages) - 2, len(episode.messages) - 1]
    good.attempt, good.prompt = len(replies) + 1, prompt
    episode.steps[at:at] = steps
    return episode


@pytest.fixture(scope="module", params=["mlx", "trl", "openai", "axolotl"])
def built(request, tmp_path_factory):
    """(format, folder, export → rows) of the recorded runs."""
    out = tmp_path_factory.mktemp("datasets") / request.param
    config = BuildConfig(
        format=request.param, unresolved="steps", unlabelled="steps", exports=EXPORTS, negatives=0.5,
        near_duplicates=None, split=SplitConfig(by="instance", valid=0.3),
    )  # fmt: skip
    build_dataset([RUNS], out, config, executor=LocalExecutor(1))
    return request.param, out, read(out)


def read(out) -> dict[str, list[dict]]:
    files = sorted((out / "exports").glob("*.jsonl"))
    return {file.stem: [json.loads(line) for line in file.read_text().splitlines()] for file in files}


class TestRecorded:
    def test_every_file_is_there_and_counted(self, built):
        _, out, exports = built
        counts = json.loads((out / "manifest.json").read_text())["counts"]["exports"]
        assert set(exports) == set(EXPORTS)
        assert {name: len(rows) for name, rows in exports.items() if rows} == counts
        assert exports["kto"] and exports["verifier"]

    def test_nothing_that_is_tested_on(self, built):
        _, out, exports = built
        held = {json.loads(line)["instance"] for line in (out / "provenance" / "valid.jsonl").read_text().splitlines()}
        used = {row["instance"] for rows in exports.values() for row in rows}
        assert held and used and not held & used

    def test_shapes(self, built):
        """Of https://huggingface.co/docs/trl/dataset_formats: standard or conversational, preference with an explicit
        prompt, and unpaired preference."""
        name, _, exports = built
        kind = str if name in ("mlx", "trl") else list
        for row in [*exports["pairs"], *exports["step_pairs"], *exports["fixes"]]:
            assert {"prompt", "chosen", "rejected", "instance", "rule"} <= set(row)
            assert isinstance(row["prompt"], kind) and row["chosen"] != row["rejected"]
            assert isinstance(row["chosen"], kind) and isinstance(row["rejected"], kind)
        for row in exports["kto"]:
            assert (
                isinstance(row["label"], bool)
                and isinstance(row["prompt"], kind)
                and isinstance(row["completion"], kind)
            )
            assert row["label"] == ("rule" not in row)
        assert {row["label"] for row in exports["kto"]} == {True, False}
        if kind is list:
            for row in exports["kto"]:
                assert [m["role"] for m in row["completion"]] == ["assistant"] and row["prompt"][-1][
                    "role"
                ] != "assistant"
                for message in [*row["prompt"], *row["completion"]]:
                    for made in message.get("tool_calls", []):
                        assert isinstance(made["function"]["arguments"], str)

    def test_texts_are_what_was_served_and_end(self, built):
        name, _, exports = built
        rows = [*exports["pairs"], *exports["step_pairs"], *exports["kto"]]
        if name not in ("mlx", "trl"):
            assert all(row["prompt"][0]["role"] == "system" for row in rows)
            return
        answers = [row[key] for row in rows for key in ("chosen", "rejected", "completion") if key in row]
        assert all(answer.endswith("<|im_end|>") for answer in answers)
        assert all(row["prompt"].endswith("<|im_start|>assistant\n") for row in rows)

    def test_the_ratio_of_the_verifier(self, built):
        _, _, exports = built
        said = [row["messages"][1]["content"] for row in exports["verifier"]]
        yes = said.count("<judgement>YES</judgement>")
        assert yes and said.count("<judgement>NO</judgement>") <= 0.5 * yes
        assert len(said) == yes + said.count("<judgement>NO</judgement>")


def test_mlx_lm_lora_reads_texts_with_the_template_beside_them(built):
    """Its DPO and ORPO trainers make a user's message of the prompt and an answer of `chosen`."""
    name, out, exports = built
    if name not in ("mlx", "trl"):
        assert not (out / "exports" / "chat_template.jinja").exists()
        return
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model_dir())
    tokenizer.chat_template = (out / "exports" / "chat_template.jinja").read_text()
    rows = [*exports["pairs"], *exports["step_pairs"]]
    assert rows
    for row in rows:
        messages = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["chosen"]}]
        found = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        assert found == Target(TINY).ids(row["prompt"] + row["chosen"])


def test_what_is_contaminated_is_in_no_export(tmp_path):
    blocked = tmp_path / "tasks.txt"
    blocked.write_text("playlist-b03c51c4\n")
    config = BuildConfig(
        unresolved="steps", unlabelled="steps", exports=EXPORTS, split=SplitConfig(by="instance", valid=0),
        decontamination=DecontaminationConfig(files=(str(blocked),)), near_duplicates=None,
    )  # fmt: skip
    build_dataset([RUNS], tmp_path / "out", config, executor=LocalExecutor(1))
    used = {row["instance"] for rows in read(tmp_path / "out").values() for row in rows}
    assert used and "playlist-b03c51c4" not in used


class TestFixes:
    def test_the_rejected_reply_and_what_was_taken(self, render):
        first = {"role": "assistant", "content": "I will read it."}
        episode = rejected(run((READ, "text"), (SUBMIT, "done"), verdict=True), 0, first)
        (pair,) = fix_pairs([episode], render, True)
        assert pair["prompt"] == render.target.render(episode.messages[:2], TOOLS["t"], answer=True)
        assert pair["rejected"] == "I will read it.<|im_end|>"
        assert "read_file" in pair["chosen"] and pair["chosen"].endswith("</tool_call><|im_end|>")
        assert (pair["instance"], pair["rule"]) == ("task-1", "no_call")
        (pair,) = fix_pairs([episode], render, False)
        assert pair["prompt"] == episode.messages[:2] and pair["rejected"] == [first] and pair["tools"] == TOOLS["t"]
        assert pair["chosen"] == [READ]

    def test_each_of_several(self, render):
        replies = [{"role": "assistant", "content": text} for text in ("One.", "Two.")]
        episode = rejected(run((READ, "text"), verdict=True), 0, *replies)
        pairs = list(fix_pairs([episode], render, True))
        assert [pair["rejected"] for pair in pairs] == ["One.<|im_end|>", "Two.<|im_end|>"]
        assert pairs[0]["chosen"] == pairs[1]["chosen"] and pairs[1]["prompt"].startswith(pairs[0]["prompt"])

    def test_a_call_that_cannot_be_read_is_text(self, render):
        broken = call("edit_line", '{"line": ', "Now.")
        (pair,) = fix_pairs([rejected(run((READ, "text"), verdict=True), 0, broken)], render, True)
        assert pair["rejected"] == 'Now.\nedit_line {"line":<|im_end|>'

    def test_no_pair_without_a_good_answer(self, render):
        said = {"role": "assistant", "content": "One."}
        episode = rejected(run((READ, "text"), verdict=True), 0, said)
        episode.steps[1].bad = ["tool_error"]
        assert not list(fix_pairs([episode], render, True))
        del episode.steps[1]
        assert not list(fix_pairs([episode], render, True))
        same = rejected(run((READ, "text"), verdict=True), 0, READ)
        assert not list(fix_pairs([same], render, True))


class TestSteps:
    def test_where_two_runs_went_apart(self, render):
        good = run((READ, "text"), (SUBMIT, "done"), verdict=True, name="good")
        bad = run(
            (READ, "text"), (call("edit_line", {"line": 3}), "edited"), (SUBMIT, "done"), verdict=False, name="bad"
        )
        (pair,) = step_pairs([good, bad], render, True)
        prompt = render.target.render(render.row(good, good.steps[1]).messages, TOOLS["t"], answer=True)
        assert pair["prompt"] == prompt and "submit" in pair["chosen"] and "edit_line" in pair["rejected"]
        assert pair["rule"] == "unresolved"

    def test_within_solved_runs_a_bad_step_is_worse(self, render):
        good = run((READ, "text"), (SUBMIT, "done"), verdict=True)
        other = run((call("read_file", {"path": "nothing"}), "no such file"), (SUBMIT, "done"), verdict=True)
        assert not list(step_pairs([good, other], render, True))
        other.steps[0].bad = ["tool_error"]
        (pair,) = step_pairs([good, other], render, True)
        assert pair["rule"] == "tool_error" and "nothing" in pair["rejected"]

    def test_other_prompts_and_equal_answers_are_no_pair(self, render):
        good, bad = run((READ, "text"), verdict=True), run((READ, "text"), verdict=False)
        assert not list(step_pairs([good, bad], render, True))
        bad = run((call("read_file", {"path": "b"}), "text"), verdict=False)
        bad.messages[1] = bad.messages[1] | {"content": "Fix another one."}
        assert not list(step_pairs([good, bad], render, True))


class TestRuns:
    def test_a_solved_run_against_one_that_is_not(self, render):
        good = run((READ, "text"), (SUBMIT, "done"), verdict=True)
        bad = run((SUBMIT, "done"), verdict=False)
        (pair,) = run_pairs([good, bad], render, True)
        assert pair["prompt"] == render.target.render(good.messages[:2], TOOLS["t"], answer=True)
        whole = [{"role": "assistant"}, {"role": "tool"}, {"role": "assistant"}]
        assert pair["chosen"].count("<|im_start|>assistant") == 1 and pair["rejected"].count("<|im_start|>") == 0
        (pair,) = run_pairs([good, bad], render, False)
        assert [m["role"] for m in pair["chosen"]] == [m["role"] for m in whole]
        assert [m["role"] for m in pair["rejected"]] == ["assistant"]

    def test_none_of_which_something_was_left_out(self, render):
        good = run((READ, "text"), (SUBMIT, "done"), verdict=True)
        bad = run((SUBMIT, "done"), verdict=False)
        good.steps[1].prompt = [0, 1]
        good.steps[1].elided = True
        assert not list(run_pairs([good, bad], render, True))

    def test_none_that_is_too_long_or_ends_rejected_or_unjudged(self, render):
        good, bad = run((READ, "text"), verdict=True), run((SUBMIT, "done"), verdict=False)
        assert list(run_pairs([good, bad], render, True))
        assert not list(run_pairs([good, run((SUBMIT, "done"), verdict=None)], render, True))
        assert not list(run_pairs([run((READ, "text " * 3000), (SUBMIT, ""), verdict=True), bad], render, True))
        good.steps[-1].status = "rejected"
        assert not list(run_pairs([good, bad], render, True))


class TestKto:
    def test_labels(self, render):
        good = run((READ, "text"), (call("edit_line", {"line": 3}), "error"), (SUBMIT, "done"), verdict=True)
        good.steps[1].bad = ["tool_error"]
        bad = run((READ, "text"), (SUBMIT, "done"), verdict=False)
        bad.steps[1].bad = ["loop"]
        found = [(row["label"], row.get("rule")) for row in kto_rows([good, bad], render, True)]
        assert found == [(True, None), (False, "tool_error"), (True, None), (False, "loop")]


class TestVerifier:
    def test_unsolved_runs_in_proportion(self, render):
        solved = [run((SUBMIT, "done"), verdict=True, name=f"s{n}") for n in range(2)]
        unsolved = [run((READ, "text"), verdict=False, name=f"u{n}") for n in range(9)]
        for ratio, expected in ((0.4, 0), (0.5, 1), (1.0, 2), (2.5, 5), (9, 9)):
            judged = {True: 0, False: 0}
            rows = list(verifier_rows([*unsolved, *solved], render, ratio, judged))
            answers = [row["messages"][1]["content"] for row in rows]
            assert answers.count("<judgement>NO</judgement>") == expected == judged[False]
            assert answers.count("<judgement>YES</judgement>") == 2 == judged[True]

    def test_what_is_asked(self, render):
        episode = run((call("edit_line", {"line": 3}, "Here."), "edited"), verdict=True)
        episode.patch = "--- a\n+++ b\n"
        (row,) = verifier_rows([episode], render, 1, {True: 0, False: 0})
        asked = row["messages"][0]["content"]
        for part in ("Fix it.", "Here.", 'edit_line {"line": 3}', "RESULT:\nedited", "PATCH:\n--- a"):
            assert part in asked

    def test_none_that_is_too_long_or_unjudged(self, render):
        long, unjudged = run((READ, "word " * 3000), verdict=True), run((READ, "text"), verdict=None)
        assert not list(verifier_rows([long, unjudged], render, 1, {True: 0, False: 0}))


def test_answers_that_an_export_leaves_out_have_a_reason(tmp_path):
    config = BuildConfig(unresolved="steps", unlabelled="steps", exports=("kto",), max_tokens=700, max_audit_drops=1)
    manifest = build_dataset([RUNS], tmp_path / "out", config, executor=LocalExecutor(1))
    left_out = manifest.counts["exports left out"]
    assert set(left_out) == {"too_long"} and left_out["too_long"] > 0 < manifest.counts["exports"]["kto"]
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"| {left_out['too_long']} |" in card.partition("left out of further files")[2]
