"""A dataset is read as its trainer will read it, and what would fail there fails here, with its line."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from slm_ext.datasets import BuildConfig, SplitConfig, build_dataset, check_dataset
from slm_ext.datasets import checking as room
from slm_ext.datasets.executors import LocalExecutor
from slm_ext.datasets.rendering.target import Target
from slm_ext.errors import UsageError
from tests.datasets.models import HERMES, RUNS, model_folder

FORMATS = ("mlx", "openai", "axolotl", "trl")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dataset in each format."""
    folder = tmp_path_factory.mktemp("datasets")
    for name in FORMATS:
        split = SplitConfig(by="instance", valid=0.3)
        config = BuildConfig(format=name, unresolved="steps", unlabelled="steps", split=split)
        build_dataset([RUNS], folder / name, config, executor=LocalExecutor(1))
    return folder


@pytest.fixture
def dataset(made, tmp_path):
    """A copy to be spoilt, and what spoils it: the file keeps its hash in the manifest."""

    def copied(name: str = "mlx") -> Path:
        return shutil.copytree(made / name, tmp_path / name)

    return copied


def lines(folder: Path, name: str = "train") -> list[dict]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def write(folder: Path, rows: list, name: str = "train") -> None:
    """Rows in place of others, as if they had been built so."""
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    (folder / f"{name}.jsonl").write_text(text)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["outputs"][f"{name}.jsonl"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def found(folder: Path, **how) -> list[tuple[str, int, str]]:
    report = check_dataset(folder, **{"batch_size": 1, **how})
    assert report.ok == (not report.findings)
    return [(finding.file, finding.line, finding.rule) for finding in report.findings]


@pytest.mark.parametrize("name", FORMATS)
def test_a_good_one_passes(made, name):
    report = check_dataset(made / name, batch_size=1)
    assert report.ok and report.findings == [] and report.total == 0
    assert report.rows == {split: len(lines(made / name, split)) for split in ("train", "valid")}
    assert 0 < report.trained < report.tokens
    counts = json.loads((made / name / "manifest.json").read_text())["counts"]["tokens"]
    if name == "mlx":
        assert (report.trained, report.tokens) == (counts["trained"], counts["trained"] + counts["prompt"])


@pytest.mark.mlx
def test_mlx_lm_and_pure_python_count_the_same(made):
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed")
    target = Target("package:flywheel-tiny")
    own, python = room._mlx_loader(target), room._chat_loader(target)
    assert own is not None and own[1].startswith("mlx-lm ")
    rows = lines(made / "mlx")
    assert [own[0](row) for row in rows] == [python(row) for row in rows]
    asked = {"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "What is it?"}]}
    assert own[0](asked) == python(asked)
    assert check_dataset(made / "mlx", batch_size=1).loader == own[1]


def test_rows_that_end_with_no_answer(dataset):
    """mlx-lm would train on the last message, whoever said it."""
    folder = dataset()
    rows = lines(folder)
    rows[2]["messages"] = rows[2]["messages"][:-1]
    write(folder, rows)
    assert found(folder) == [("train.jsonl", 3, "no_answer")]


def test_rows_without_loss(dataset, tmp_path):
    """Of a template that renders a last answer as the prompt for it."""
    shown = "not (loop.last and m.role == 'assistant')"
    template = "{% for m in messages %}{% if " + shown + " %}{{ m.content }}{% endif %}{% endfor %}"
    folder, other = dataset(), model_folder(tmp_path / "other", template)
    expected = [("train.jsonl", n, "no_loss") for n in range(1, len(lines(folder)) + 1)]
    assert found(folder, tokenizer=str(other))[: len(expected)] == expected


@pytest.mark.parametrize(("name", "mark"), [("openai", "weight"), ("axolotl", "train"), ("trl", "train")])
def test_conversations_without_loss(dataset, name, mark):
    folder = dataset(name)
    rows = lines(folder)
    for message in rows[1]["messages"]:
        if mark in message:
            message[mark] = type(message[mark])(False)
    write(folder, rows)
    assert found(folder) == [("train.jsonl", 2, "no_loss")]


def test_rows_that_are_longer_than_the_trainer_takes(made):
    target = Target("package:flywheel-tiny")

    def tokens(row) -> tuple[int, int]:
        masked = len(target.ids(target.render(row["messages"][:-1], row["tools"], answer=True)))
        return masked, len(target.ids(target.render(row["messages"], row["tools"], answer=False)))

    limit = tokens(sorted(lines(made / "mlx"), key=tokens)[5])[1] - 1
    report = check_dataset(made / "mlx", batch_size=1, max_seq_length=limit)
    expected = []
    for name in ("train", "valid"):
        for number, row in enumerate(lines(made / "mlx", name), start=1):
            masked, whole = tokens(row)
            if whole > limit:
                expected.append((f"{name}.jsonl", number, "nan" if masked >= limit else "too_long"))
    assert [(f.file, f.line, f.rule) for f in report.findings] == expected
    assert {rule for _, _, rule in expected} == {"nan", "too_long"}


def test_the_border_between_a_cut_answer_and_none(made):
    """With room for one token of its answer a row still has loss."""
    target = Target("package:flywheel-tiny")
    row = lines(made / "mlx")[0]
    masked = len(target.ids(target.render(row["messages"][:-1], row["tools"], answer=True)))
    for limit, rule in ((masked, "nan"), (masked + 1, "too_long")):
        report = check_dataset(made / "mlx", batch_size=1, max_seq_length=limit)
        assert ("train.jsonl", 1, rule) in [(f.file, f.line, f.rule) for f in report.findings]


def test_a_split_smaller_than_a_batch(made):
    rows = len(lines(made / "mlx", "valid"))
    assert check_dataset(made / "mlx", batch_size=rows).ok
    assert found(made / "mlx", batch_size=rows + 1) == [("valid.jsonl", 0, "below_batch_size")]


@pytest.mark.parametrize("row", [{"prompt": "a", "completion": "b"}, {"text": "a"}, {}, {"messages": [], "text": "a"}])
def test_mixed_formats(dataset, row):
    folder = dataset()
    write(folder, [*lines(folder), row])
    assert found(folder) == [("train.jsonl", len(lines(folder)), "mixed_formats")]


def test_rows_with_and_without_tools_are_one_format(dataset):
    folder = dataset()
    rows = lines(folder)
    del rows[0]["tools"]
    write(folder, rows)
    assert found(folder) == []


@pytest.mark.parametrize("line", ["", '{"messages": [', "[]", '"text"', "null"])
def test_lines_that_are_no_rows(dataset, line):
    folder = dataset()
    rows = lines(folder)
    write(folder, [rows[0], line, *rows[1:], line])
    assert found(folder) == [("train.jsonl", n, "unreadable") for n in (2, len(rows) + 2)]
    assert check_dataset(folder).rows["train"] == len(rows)


@pytest.mark.parametrize(
    "messages", [[{"role": "assistant"}, {"content": "x"}], [{"role": "user", "content": 3}], "text", [], None]
)
def test_messages_that_the_template_cannot_render(dataset, messages):
    folder = dataset()
    rows = lines(folder)
    rows[4]["messages"] = messages
    write(folder, rows)
    ((file, line, rule),) = found(folder)
    assert (file, line) == ("train.jsonl", 5) and rule in ("unreadable", "no_answer")


def test_arguments_as_text_fail_in_mlx_lm(dataset):
    """Its loader hands them to the template as they are."""
    folder = dataset()
    rows = lines(folder)
    rows[0]["messages"][-1]["tool_calls"][0]["function"]["arguments"] = '{"path": "a"}'
    write(folder, rows)
    assert found(folder) == [("train.jsonl", 1, "unreadable")]


def test_a_file_that_was_changed(dataset):
    folder = dataset()
    with (folder / "README.md").open("a") as file:
        file.write("more\n")
    (folder / "lengths.svg").unlink()
    assert found(folder) == [("README.md", 0, "changed"), ("lengths.svg", 0, "missing")]


def test_a_split_that_is_gone(dataset):
    folder = dataset()
    (folder / "train.jsonl").unlink()
    assert found(folder) == [("train.jsonl", 0, "missing")]


def test_another_template_or_tokenizer(dataset, tmp_path):
    folder = dataset()
    other = model_folder(tmp_path / "other", HERMES)
    assert ("manifest.json", 0, "other_template") in found(folder, tokenizer=str(other), max_seq_length=9999)
    document = json.loads((other / "tokenizer.json").read_text())
    (other / "tokenizer.json").write_text(json.dumps(document, indent=3))
    assert [rule for _, _, rule in found(folder, tokenizer=str(other), max_seq_length=9999)] == [
        "other_template",
        "other_tokenizer",
    ]


def test_only_the_first_findings_are_kept_and_all_are_counted(dataset):
    folder = dataset()
    write(folder, [*lines(folder), *["x"] * 70])
    report = check_dataset(folder, batch_size=1)
    assert (len(report.findings), report.total, report.ok) == (50, 70, False)


def test_no_dataset(tmp_path):
    with pytest.raises(UsageError, match="slm dataset build"):
        check_dataset(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match=r"no manifest\.json"):
        check_dataset(tmp_path)
