"""The card tells what is in a dataset and what is not, and its numbers add up."""

from __future__ import annotations

import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from slm_ext.datasets import BuildConfig, SplitConfig, build_dataset, read_manifest
from slm_ext.datasets.card import REASONS, STAGES, card_text, length_plot
from slm_ext.datasets.executors import LocalExecutor
from slm_ext.datasets.rendering.row import RowRefused
from slm_ext.datasets.rules import RUN_RULES, STEP_RULES
from tests.datasets.models import RUNS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "datasets.md"
BAR = "{http://www.w3.org/2000/svg}rect"


@pytest.fixture(scope="module", params=["steps", "drop"])
def built(request, tmp_path_factory):
    """The recorded runs, with those that nobody solved and without; one more is cut off in its first line."""
    given = tmp_path_factory.mktemp("runs")
    (given / "broken").mkdir()
    (given / "broken" / "calls.jsonl").write_text('{"kind": "call", "run_id"\n')
    out = tmp_path_factory.mktemp("datasets") / request.param
    config = BuildConfig(
        unresolved=request.param, unlabelled=request.param, max_tokens=1200, too_long="drop", per_episode=8,
        split=SplitConfig(by="instance", valid=0.2), exports=("kto",),
    )  # fmt: skip
    manifest = build_dataset([RUNS, given], out, config, executor=LocalExecutor(1))
    return out, manifest


@pytest.fixture
def card(built) -> str:
    return (built[0] / "README.md").read_text()


def tables(card: str) -> list[list[list[str]]]:
    """The cells of each table's rows, without its head."""
    found = []
    for block in card.split("\n\n"):
        lines = block.splitlines()
        if len(lines) > 1 and set(lines[1]) == {"|", "-"}:
            found.append([[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]])
    return found


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_every_reason_is_named_with_its_count(built, card):
    counts = built[1].counts
    expected = {
        (stage, reason): count
        for stage in STAGES
        for reason, count in counts.get(stage, {}).items()
        if reason not in ("in", "out", "files")
    }
    assert ("render", "too_long") in expected and any(stage == "steps" for stage, _ in expected)
    cells = [row for table in tables(card) for row in table if len(row) == 4 and row[1] not in STAGES.values()]
    shown = {(stage, reason): number(count) for stage, reason, _, count in cells}
    assert shown == expected
    assert all(words == REASONS[stage][reason] for stage, reason, words, _ in cells)


def test_every_reason_has_words():
    """The rules are the code's, those of rendering stand in the reference's table."""
    assert set(STEP_RULES) <= set(REASONS["steps"]) and set(RUN_RULES) <= set(REASONS["filter"])
    section = REFERENCE.read_text().partition("## Why something is left out")[2].partition("\n## ")[0]
    (table,) = tables(section)
    documented, stage = {}, ""
    for first, reasons, _ in table:
        stage = first or stage
        documented.setdefault(stage, set()).update(re.findall("`(\\w+)`", reasons))
    assert documented == {stage: set(reasons) for stage, reasons in REASONS.items()}
    assert all(words for reasons in REASONS.values() for words in reasons.values())
    assert list(REASONS) == list(STAGES)


def test_rendering_refuses_for_reasons_that_have_words():
    source = Path(sys.modules[RowRefused.__module__].__file__).read_text()
    assert set(re.findall(r"raise RowRefused\(\"(\w+)\"", source)) == set(REASONS["render"])


def test_stages_say_what_they_count(built, card):
    counts = built[1].counts
    (stages,) = [table for table in tables(card) if ["check", "rows"] in [row[:2] for row in table]]
    assert [row[:2] for row in stages] == [[name, unit] for name, unit in STAGES.items() if name in counts]
    assert all([number(row[2]), number(row[3])] == [counts[row[0]]["in"], counts[row[0]]["out"]] for row in stages)
    assert "leaves out do not come to `render`" in card


def test_runs_that_were_read_are_not_those_that_were_taken(built, card):
    counts = built[1].counts
    read, taken = counts["read"]["out"], sum(counts["splits"].values())
    assert read == counts["read"]["in"] - 1 == 18 and 0 < taken < read
    assert f"Of {read} runs that were read, {taken} were taken." in card
    assert not re.search(r"\bepisodes?\b", card)


def test_one_run_is_no_runs(built):
    manifest = read_manifest(built[0])
    assert manifest is not None
    manifest.counts["read"]["out"] = 1
    manifest.counts["splits"] = {"train episodes": 1}
    assert "Of 1 run that was read, 1 was taken." in card_text(manifest, [])


def test_tables_of_trained_turns_are_headed_so(built, card):
    heads = [line for line, below in pairwise(card.splitlines()) if set(below) == {"|", "-"}]
    for what in ("source", "licence", "tool", "kind of work", "prompt"):
        assert f"| {what} | trained turns |" in heads
    assert f" {built[1].counts['tokens']['trained']:,} tokens carry loss.\n" in card


def test_splits_are_in_order(built):
    manifest = read_manifest(built[0])
    assert manifest is not None
    manifest.counts["rows"] = {"test": 3, "train": 9, "valid": 4}
    manifest.counts["splits"] = {"test episodes": 1, "train episodes": 2, "valid episodes": 1}
    splits = tables(card_text(manifest, []))[0]
    assert splits == [["train", "9", "2"], ["valid", "4", "1"], ["test", "3", "1"]]


def test_fitted_prompts_are_a_part_of_those_that_are_not_comparable(built):
    manifest = read_manifest(built[0])
    assert manifest is not None
    manifest.counts["prompts"] = {"byte for byte as served": 7, "fitted into the window": 2, "not comparable": 3}
    text = card_text(manifest, [])
    assert [["byte for byte as served", "7"], ["not comparable", "3"]] in tables(text)
    assert "2 of these were fitted into the window" in text and "no hash of the served prompt" in text
    manifest.counts["prompts"] = {"byte for byte as served": 7}
    assert "comparable" not in card_text(manifest, []) and "fitted" not in card_text(manifest, [])


def test_each_stage_loses_as_many_as_it_says(built):
    counts = built[1].counts
    for stage in STAGES:
        found = dict(counts.get(stage, {}))
        found.pop("files", None)
        given, kept = found.pop("in", 0), found.pop("out", 0)
        assert given == kept + sum(found.values()), stage


def test_stages_follow_each_other(built):
    counts = built[1].counts
    for before, after in (("read", "filter"), ("filter", "mask"), ("mask", "dedup"), ("dedup", "decontaminate")):
        assert counts[before]["out"] == counts[after]["in"], (before, after)
    assert sum(counts["splits"].values()) == counts["decontaminate"]["out"]
    assert counts["render"]["out"] == counts["check"]["in"]
    assert counts["check"]["out"] == sum(counts["rows"].values())
    assert counts["tokens"]["trained"] > 0


def test_what_is_in_it(built, card):
    out, manifest = built
    counts = manifest.counts
    cells = [row for table in tables(card) for row in table if len(row) == 2]
    for what in ("tools", "subtasks", "licenses", "sources", "labels", "prompts", "exports"):
        for name, count in counts[what].items():
            assert [name, f"{count:,}"] in cells, (what, name)
    rows = sum(counts["rows"].values())
    for what in ("tools", "subtasks", "licenses", "sources"):
        assert sum(counts[what].values()) == rows, what
    for split in ("train", "valid"):
        lines = len((out / f"{split}.jsonl").read_text().splitlines())
        assert [split, str(lines), str(counts["splits"][f"{split} episodes"])] in [r for t in tables(card) for r in t]
    assert manifest.tokenizer["template_sha"][:16] in card and "nobody judged" in card


def test_lengths_are_those_of_the_rows(built, card):
    out, _ = built
    tokens = sorted(
        step["prompt_tokens"] + step["target_tokens"]
        for file in (out / "provenance").glob("*.jsonl")
        for line in file.read_text().splitlines()
        for step in json.loads(line)["steps"]
    )
    found = {
        name: number(count) for table in tables(card) for name, count, *_ in table if name in ("shortest", "longest")
    }
    assert found == {"shortest": tokens[0], "longest": tokens[-1]}
    assert tokens[-1] <= 1200
    picture = ElementTree.parse(out / "lengths.svg").getroot()
    bars = [re.fullmatch(r"(\d+)-(\d+) tokens: (\d+) rows", bar[0].text) for bar in picture.iter(BAR)]
    for bar in bars:
        low, high, count = map(int, bar.groups())
        assert count == sum(low <= length <= high for length in tokens)
    assert sum(int(bar[3]) for bar in bars) == len(tokens)


def test_how_to_train(built, card):
    """The trainer's own defaults would cut rows off, and train on prompts."""
    longest = max(number(row[1]) for table in tables(card) for row in table if row[0] == "longest")
    command = next(line for line in card.splitlines() if "mlx_lm lora" in line)
    assert "--mask-prompt" in command
    asked = re.search(r"--max-seq-length (\d+)", command)
    assert asked is not None and int(asked[1]) >= longest


@pytest.mark.parametrize("tokens", [[], [1], [24], [25], [1, 2048], [7] * 100, list(range(1, 5000, 7))])
def test_the_plot_is_well_formed_and_holds_all(tokens):
    picture = ElementTree.fromstring(length_plot(tokens))
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    shown = [int(bar[0].text.split(": ")[1].split()[0]) for bar in picture.iter(BAR)]
    assert sum(shown) == len(tokens)
    for bar in picture.iter(BAR):
        assert 0 <= float(bar.get("height")) <= 120 and float(bar.get("x")) + 22 <= 640


def test_what_could_not_be_read_is_named(built, card):
    assert "## Unreadable" in card and "broken/calls.jsonl" in card


def test_names_with_bars_and_line_feeds_keep_the_table(built):
    manifest = read_manifest(built[0])
    assert manifest is not None
    manifest.counts["tools"] = {"a|b\nc": 3}
    assert "| a\\|b c | 3 |" in card_text(manifest, [])
