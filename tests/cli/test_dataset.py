"""`slm dataset`: build, stats, check and atif."""

import errno
import json
from pathlib import Path

import pytest

from slm_ext.cli.dataset import main
from slm_ext.datasets import BuildConfig
from slm_ext.datasets.checking import CheckReport
from slm_ext.datasets.manifest import Manifest
from slm_ext.errors import UsageError
from slm_ext.testing.openai_server import FakeOpenAI

RUNS = Path(__file__).parents[1] / "data" / "runs"
SOLVED = [str(RUNS / name) for name in ("mini-inventory", "mini-playlist", "mini-redrawn")]


@pytest.fixture
def data(slm, tmp_path):
    done = slm("dataset", "build", *SOLVED, "--out", str(tmp_path / "data"), "--unlabelled", "keep", "--workers", "1")
    assert done.returncode == 0, done.stderr
    return tmp_path / "data"


def test_build_says_what_it_made_and_what_it_left_out(slm, tmp_path, data):
    again = slm("dataset", "build", *SOLVED, "--out", str(data), "--unlabelled", "keep")
    assert again.returncode == 0 and "nothing was done" in again.stderr
    assert "of 3 runs that were read, 3 were taken" in again.stdout and "reverted_edit" in again.stdout
    other = slm("dataset", "build", *SOLVED, "--out", str(data), "--seed", "4", "--unlabelled", "keep")
    assert other.returncode == 2 and "another dataset" in other.stderr and "next: " in other.stderr


def test_json_is_the_manifest(slm, data):
    said = json.loads(slm("dataset", "stats", str(data), "--json").stdout)
    assert said == json.loads((data / "manifest.json").read_text())
    assert said["counts"]["rows"]["train"] == len((data / "train.jsonl").read_text().splitlines())


def test_stats_shows_tools_and_kinds_of_work(slm, data):
    said = slm("dataset", "stats", str(data)).stdout
    assert "edit_line" in said and "KIND OF WORK" in said and "slm-calls" in said and "not recorded" in said
    heads = [line.split("  ") for line in said.splitlines() if line.isupper()]
    assert [head[-1].strip() for head in heads] == ["NUMBER"] + ["TRAINED TURNS"] * 4


def test_check_is_the_exit_code(slm, data):
    done = slm("dataset", "check", str(data), "--batch-size", "1")
    assert done.returncode == 0 and done.stdout.endswith("ok\n") and "pure Python" not in done.stdout
    train = data / "train.jsonl"
    train.write_text(train.read_text() + '{"text": "other"}\n')
    done = slm("dataset", "check", str(data), "--batch-size", "1", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1 and not said["ok"]
    assert {finding["rule"] for finding in said["findings"]} == {"mixed_formats", "changed"}
    assert slm("dataset", "check", str(data), "--batch-size", "1").returncode == 1


@pytest.mark.parametrize(
    ("form", "loader", "said"),
    [
        ("mlx", "mlx-lm 0.32.2", "read with mlx-lm's loader (0.32.2)"),
        ("mlx", "pure Python", "mlx-lm is not installed: read with our own reader"),
        ("trl", "pure Python", "read as trl rows"),
    ],
)
def test_check_says_how_rows_were_read(monkeypatch, capsys, tmp_path, form, loader, said):
    report = CheckReport(rows={"train": 3}, tokens=9, trained=4, loader=loader)
    monkeypatch.setattr("slm_ext.datasets.check_dataset", lambda *words, **named: report)
    manifest = Manifest(
        config=BuildConfig(format=form), versions={}, tokenizer={}, counts={}, inputs=[], unreadable=[], outputs={}
    )
    (tmp_path / "manifest.json").write_text(manifest.model_dump_json())
    assert main(["check", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"3 train; 4 of 9 tokens carry loss; {said}\nok\n"


def test_build_names_what_it_passed_over(slm, project):
    for number in range(12):
        (project / "runs" / f"{number:02d}").mkdir(parents=True)
        (project / "runs" / f"{number:02d}" / "calls.jsonl").write_text('{"kind": "call", "run_id"\n')
    done = slm("dataset", "build", *SOLVED, "runs", "--out", "data", "--unlabelled", "keep", "--json")
    unreadable = json.loads(done.stdout)["unreadable"]
    said = [line for line in done.stderr.splitlines() if line.startswith(("passed over: ", "…"))]
    shown = [f"passed over: {file}, byte {byte}: {cause}" for file, byte, cause in unreadable[:10]]
    assert len(unreadable) == 12 and said == [*shown, "… and 2 more, see data/README.md"]


@pytest.mark.parametrize(
    ("settings", "seen", "allowed"),
    [
        ("format: csv", "format: 'csv'", "'mlx', 'openai', 'axolotl' or 'trl'"),
        ("split: {by: moon}", "split.by: 'moon'", "'repository' or 'instance'"),
        ("split: {vaild: 0.1}", "split.vaild: no such setting", "by, valid, test"),
        ("tokeniser: x", "tokeniser: no such setting", ", ".join(BuildConfig.model_fields)),
        ("max_tokens: 0", "max_tokens: '0'; Input should be greater than 0", None),
        ("disable: [loops]", "disable: \"['loops']\"; no rule 'loops'; there are format_error", None),
        ("", "an empty file", "a YAML mapping of settings"),
        ("- a", "list", "a YAML mapping of settings"),
        ("order: \xff", "utf-8", "a YAML mapping of settings"),
        ("seed: 2026-13-45", "month", "a YAML mapping of settings"),
        ("decontamination: [a]", "decontamination: \"['a']\"; Input should be a valid dictionary", None),
    ],
)
def test_a_wrong_setting_is_told_with_what_is_right(project, monkeypatch, settings, seen, allowed):
    monkeypatch.chdir(project)
    Path("settings.yaml").write_bytes(settings.encode("latin-1"))
    Path("tasks.txt").write_text("a-1\n")
    with pytest.raises(UsageError) as caught:
        main(["build", *SOLVED, "--out", "x", "--config", "settings.yaml", "--decontaminate", "tasks.txt"])
    assert seen in caught.value.seen and (allowed or "") == caught.value.allowed
    assert not Path("x").exists()


def test_tasks_to_keep_out_go_over_those_of_the_file(slm, project):
    (project / "settings.yaml").write_text("unlabelled: keep\ndecontamination: {ngram: 8, files: [gone.txt]}\n")
    (project / "tasks.txt").write_text("a-1\n")
    done = slm(
        "dataset", "build", *SOLVED, "--out", "data", "--config", "settings.yaml", "--decontaminate", "tasks.txt",
        "--json",
    )  # fmt: skip
    said = json.loads(done.stdout)["config"]["decontamination"]
    assert said["ngram"] == 8 and said["files"] == ["tasks.txt"]


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["build"], "required"),
        (["build", "gone", "--out", "x"], "no such file or folder"),
        (["build", *SOLVED, "--out", "x", "--format", "csv"], "invalid choice"),
        (["build", *SOLVED, "--out", "x", "--tokenizer", "gone"], "tokenizer.json"),
        (["build", *SOLVED, "--out", "x", "--labels", "gone.json"], "gone.json"),
        (["build", *SOLVED, "--out", "x", "--config", "settings.yaml"], "tokeniser"),
        (["stats", "."], "no manifest.json"),
        (["check", "gone"], "no manifest.json"),
        (["look"], "look"),
        ([], "no verb"),
    ],
)
def test_a_mistake_is_one_message(slm, project, words, seen):
    (project / "settings.yaml").write_text("tokeniser: x\n")
    done = slm("dataset", *words)
    assert done.returncode == 2 and seen in done.stderr and "Traceback" not in done.stderr
    assert not (project / "x").exists()


def test_settings_from_a_file_and_flags_over_them(slm, project):
    (project / "settings.yaml").write_text(
        "unlabelled: keep\nper_episode: 2\nsplit: {by: instance, valid: 0.4}\nseed: 1\n"
    )
    done = slm("dataset", "build", *SOLVED, "--out", "data", "--config", "settings.yaml", "--seed", "5", "--json")
    said = json.loads(done.stdout)
    assert said["config"]["seed"] == 5 and said["config"]["per_episode"] == 2
    assert said["counts"]["steps"]["out"] == 6 and said["config"]["split"]["by"] == "instance"


def test_atif(slm, project):
    done = slm("dataset", "atif", *SOLVED, "--out", "atif")
    files = sorted((project / "atif").iterdir())
    assert done.returncode == 0 and len(files) == 3
    assert json.loads(files[0].read_text())["schema_version"] == "ATIF-v1.4"
    assert done.stdout == "3 trajectories in atif\n"
    built = slm("dataset", "build", "atif", "--out", "data", "--unlabelled", "keep", "--json")
    assert json.loads(built.stdout)["counts"]["sources"].keys() == {"atif"}
    again = slm("dataset", "atif", SOLVED[0], "--out", "atif")
    assert again.returncode == 2 and "seen: 3 files *.json" in again.stderr and "remove atif" in again.stderr
    assert sorted((project / "atif").iterdir()) == files
    assert slm("dataset", "atif", SOLVED[0], "--out", "one").stdout == "1 trajectory in one\n"
    assert slm("dataset", "atif", "gone", "--out", "two").returncode == 2 and not (project / "two").exists()


def test_atif_where_nothing_can_be_written(slm, project, monkeypatch):
    (project / "file").write_text("")
    for out in ("file", "file/below"):
        done = slm("dataset", "atif", SOLVED[0], "--out", out)
        assert done.returncode == 2 and "Traceback" not in done.stderr and "can be written" in done.stderr

    def full(trace, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("slm_ext.traces.atif.write_atif", full)
    with pytest.raises(UsageError, match="No space left on device"):
        main(["atif", SOLVED[0], "--out", str(project / "atif")])


def test_a_critic_takes_steps_out(slm, providers, project):
    with FakeOpenAI(["1: good\n2: mistake\n3: good", "no idea"]) as server:
        providers(f"slm_providers:\n  judge: {{model: judge, api_base: {server.base_url}}}\n")
        done = slm(
            "dataset", "build", *SOLVED[:2], "--out", "data", "--unlabelled", "keep", "--critic", "judge", "--json",
            "--workers", "1",
        )  # fmt: skip
    counts = json.loads(done.stdout)["counts"]
    assert counts["critic"] == {"asked": 2, "unread": 1} and counts["steps"]["critic"] == 1
    assert len(server.requests) == 2 and "step" in server.requests[0]["messages"][0]["content"].lower()
    wrong = slm("dataset", "build", *SOLVED, "--out", "more", "--critic", "judgo")
    assert wrong.returncode == 2 and "judge" in wrong.stderr


def test_a_critic_of_the_settings_is_asked(slm, providers, project):
    (project / "settings.yaml").write_text("unlabelled: keep\ncritic: judge\n")
    with FakeOpenAI(["1: good\n2: mistake\n3: good", "no idea"]) as server:
        providers(f"slm_providers:\n  judge: {{model: judge, api_base: {server.base_url}}}\n")
        words = ("dataset", "build", *SOLVED[:2], "--config", "settings.yaml", "--json", "--workers", "1")
        said = json.loads(slm(*words, "--out", "data").stdout)
    assert said["config"]["critic"] == "judge" and said["counts"]["critic"] == {"asked": 2, "unread": 1}
    wrong = slm(*words, "--out", "more", "--critic", "judgo")
    assert wrong.returncode == 2 and "judge" in wrong.stderr


def test_verdicts_that_are_of_no_use_are_told(slm, project):
    lines = [{"instance_id": "nobody", "resolved": True}, {"instance_id": "b", "resolved": True}]
    lines.append({"instance_id": "b", "resolved": False})
    (project / "labels.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = slm("dataset", "build", *SOLVED, "--labels", "labels.jsonl", "--out", "data")
    assert "none of the 2 verdicts of --labels is of one of these runs" in done.stderr
    assert "1 verdicts of --labels differ from another of the same" in done.stderr
    assert "| given | 2 |" in (project / "data" / "README.md").read_text()
