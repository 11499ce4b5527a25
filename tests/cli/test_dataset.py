"""`slm dataset`: build, stats, check and atif."""

import json
from pathlib import Path

import pytest

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
    assert "of 3 runs" in again.stdout and "reverted_edit" in again.stdout
    other = slm("dataset", "build", *SOLVED, "--out", str(data), "--seed", "4", "--unlabelled", "keep")
    assert other.returncode == 2 and "another dataset" in other.stderr and "next: " in other.stderr


def test_json_is_the_manifest(slm, data):
    said = json.loads(slm("dataset", "stats", str(data), "--json").stdout)
    assert said == json.loads((data / "manifest.json").read_text())
    assert said["counts"]["rows"]["train"] == len((data / "train.jsonl").read_text().splitlines())


def test_stats_shows_tools_and_kinds_of_work(slm, data):
    said = slm("dataset", "stats", str(data)).stdout
    assert "edit_line" in said and "KIND OF WORK" in said and "slm-calls" in said and "not recorded" in said


def test_check_is_the_exit_code(slm, data):
    done = slm("dataset", "check", str(data), "--batch-size", "1")
    assert done.returncode == 0 and done.stdout.endswith("ok\n")
    train = data / "train.jsonl"
    train.write_text(train.read_text() + '{"text": "other"}\n')
    done = slm("dataset", "check", str(data), "--batch-size", "1", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1 and not said["ok"]
    assert {finding["rule"] for finding in said["findings"]} == {"mixed_formats", "changed"}
    assert slm("dataset", "check", str(data), "--batch-size", "1").returncode == 1


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
    built = slm("dataset", "build", "atif", "--out", "data", "--unlabelled", "keep", "--json")
    assert json.loads(built.stdout)["counts"]["sources"].keys() == {"atif"}


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
