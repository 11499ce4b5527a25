"""A build from recorded runs: what it holds, that it is the same bytes each time, and that a kill loses nothing."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from slm_ext.datasets import BuildConfig, SplitConfig, build_dataset, check_dataset
from slm_ext.datasets.executors import LocalExecutor
from slm_ext.datasets.manifest import read_manifest
from slm_ext.errors import UsageError

RUNS = Path(__file__).parents[1] / "data" / "runs"
SOLVED = [RUNS / "mini-inventory", RUNS / "mini-playlist", RUNS / "mini-redrawn"]
CONFIG = BuildConfig(unlabelled="keep")


def built(out: Path, paths=SOLVED, workers: int = 1, **settings):
    executor = LocalExecutor(workers)
    try:
        return build_dataset(paths, out, CONFIG.model_copy(update=settings), executor=executor)
    finally:
        executor.close()


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows_of(folder: Path, name: str = "train") -> list[dict]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_every_trained_turn_is_a_row_whose_prompt_is_the_served_one(tmp_path):
    manifest = built(tmp_path / "out")
    counts = manifest.counts
    assert counts["read"]["in"] == len(SOLVED) and not manifest.unreadable
    assert counts["render"]["in"] == counts["render"]["out"] == counts["steps"]["out"] > 20
    assert counts["prompts"] == {"byte for byte as served": counts["render"]["out"]}
    lines = [row for name in ("train", "valid") for row in rows_of(tmp_path / "out", name)]
    assert len(lines) == sum(counts["rows"].values()) == counts["check"]["out"]
    for row in lines:
        assert row["messages"][-1]["role"] == "assistant" and row["messages"][-1]["tool_calls"]
        assert {tool["function"]["name"] for tool in row["tools"]} >= {"edit_line", "submit"}
        assert all(
            isinstance(c["function"]["arguments"], dict) for m in row["messages"] for c in m.get("tool_calls", [])
        )


def test_where_a_row_comes_from_stands_line_by_line(tmp_path):
    built(tmp_path / "out")
    about = [json.loads(line) for line in (tmp_path / "out/provenance/train.jsonl").read_text().splitlines()]
    for row, origin in zip(rows_of(tmp_path / "out"), about, strict=True):
        [step] = origin["steps"]
        assert row["messages"][-1]["tool_calls"][0]["function"]["name"] == step["tool"]
        assert step["as_served"] is True and step["target_tokens"] > 0
        assert origin["split"] == "train" and origin["source"].endswith("calls.jsonl") and "/" not in origin["instance"]


def test_the_same_build_gives_the_same_bytes(tmp_path):
    """Another folder, another number of processes, inputs copied elsewhere: nothing of that is in the result."""
    for run in SOLVED:
        shutil.copytree(run, tmp_path / "copies" / run.name)
    shutil.copytree(tmp_path / "copies", tmp_path / "again")
    built(tmp_path / "one", [tmp_path / "copies"], workers=1, exports=("pairs", "kto", "fixes"))
    built(tmp_path / "two", [tmp_path / "again"], workers=2, exports=("pairs", "kto", "fixes"))
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert one.pop(".build") != two.pop(".build"), "other places"
    assert one == two and "manifest.json" in one and "exports/kto.jsonl" in one


def test_the_seed_changes_the_order_and_nothing_else(tmp_path):
    for seed in (1, 2):
        built(tmp_path / str(seed), seed=seed)
    texts = [sorted((tmp_path / s / f"{n}.jsonl").read_text() for n in ("train", "valid")) for s in "12"]
    lines = [sorted("".join(text).splitlines()) for text in texts]
    assert texts[0] != texts[1] and lines[0] == lines[1]


def test_curriculum_begins_with_what_is_easy(tmp_path):
    built(tmp_path / "out", order="curriculum")
    about = [json.loads(line) for line in (tmp_path / "out/provenance/train.jsonl").read_text().splitlines()]
    steps = {}
    for origin in about:
        steps.setdefault(origin["episode"], []).append(origin)
    firsts = [origin["episode"] for origin in about]
    assert firsts == sorted(firsts, key=firsts.index), "an easier run's rows come before those of a harder one"
    lengths = [sum(o["prompt_tokens"] + o["target_tokens"] for o in origin["steps"]) for origin in about]
    assert lengths[0] == min(lengths)


def test_a_finished_dataset_is_given_back_and_another_is_refused(tmp_path):
    first = built(tmp_path / "out")
    before = digests(tmp_path / "out")
    assert built(tmp_path / "out") == first and digests(tmp_path / "out") == before
    with pytest.raises(UsageError, match="another dataset") as caught:
        built(tmp_path / "out", seed=7)
    assert "--out" in caught.value.next_step and digests(tmp_path / "out") == before
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(UsageError, match="files that are no dataset"):
        built(tmp_path / "notes")
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"


def test_without_a_row_the_reasons_are_told(tmp_path):
    with pytest.raises(UsageError, match="1 no_verdict") as caught:
        built(tmp_path / "out", [RUNS / "sweagent-inventory"], unlabelled="drop")
    assert "--unlabelled keep" in caught.value.next_step
    with pytest.raises(UsageError, match="unresolved") as caught:
        built(tmp_path / "other", [RUNS / "mini-stalled"])
    assert "--unresolved steps" in caught.value.next_step


def test_unresolved_runs_contribute_their_good_steps(tmp_path):
    manifest = built(tmp_path / "out", [RUNS / "mini-bookings", RUNS / "mini-stalled"], unresolved="steps")
    assert manifest.counts["labels"]["unresolved"] == 2
    assert (
        manifest.counts["steps"]["out"] < manifest.counts["steps"]["in"] and sum(manifest.counts["rows"].values()) > 0
    )


def test_the_same_run_on_the_other_host_is_a_duplicate(tmp_path):
    manifest = built(tmp_path / "out", [*SOLVED, RUNS / "sweagent-inventory"])
    assert manifest.counts["dedup"] == {"in": 4, "duplicate": 1, "out": 3}


def test_only_one_kind_of_work(tmp_path):
    manifest = built(tmp_path / "out", subtasks=("edit",))
    assert set(manifest.counts["subtasks"]) == {"edit"}


def test_what_cannot_be_read_is_told_and_the_rest_is_used(tmp_path):
    for run in SOLVED:
        shutil.copytree(run, tmp_path / "in" / run.name)
    (tmp_path / "in" / "torn.traj").write_text('{"trajectory": [{"action": "ls"')
    manifest = built(tmp_path / "out", [tmp_path / "in"])
    [(file, offset, cause)] = manifest.unreadable
    assert file == "torn.traj" and offset > 0 and "JSON" in cause
    assert manifest.counts["read"]["unreadable"] == 1 and "torn.traj" in (tmp_path / "out/README.md").read_text()


@pytest.mark.parametrize("form", ["openai", "axolotl", "trl"])
def test_other_trainers_get_one_row_for_a_conversation(tmp_path, form):
    manifest = built(tmp_path / "out", format=form)
    assert manifest.counts["render"]["out"] > sum(manifest.counts["rows"].values()) >= 3
    assert all("messages" in row for row in rows_of(tmp_path / "out"))


BUILD = """
import sys
from pathlib import Path
from slm_ext.datasets import BuildConfig, build_dataset
from slm_ext.datasets.executors import LocalExecutor
config = BuildConfig(unlabelled="keep", exports=("kto",))
build_dataset([Path(sys.argv[1])], Path(sys.argv[2]), config, executor=LocalExecutor(1))
"""


MOMENTS = [
    ".work/*/.episodes-*", ".work/*/gathered-00000.*", ".work/*/gathered-00002.*", ".work/*/rendered-00000.*",
    ".work/*/rendered-00002.*", ".work/*/written-*", "train.jsonl", "provenance/train.jsonl", ".work/*/exported-*",
    "README.md",
]  # fmt: skip
"""Files whose coming a build is killed at."""


def test_a_killed_build_goes_on_and_ends_as_if_nothing_had_happened(tmp_path):
    """Killed again and again, from its first file to its last; each time the same command goes on."""
    for number in range(150):
        shutil.copytree(SOLVED[number % len(SOLVED)], tmp_path / "in" / f"run-{number:03d}")
    script = tmp_path / "build.py"
    script.write_text(BUILD)
    command = [sys.executable, str(script), str(tmp_path / "in")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    subprocess.run([*command, str(tmp_path / "whole")], check=True, env=env)
    out, killed = tmp_path / "killed", []
    for moment in MOMENTS:
        process = subprocess.Popen([*command, str(out)], env=env)
        while process.poll() is None and not any(out.glob(moment)):
            pass
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed.append(moment)
        process.wait()
        assert process.returncode in (0, -signal.SIGKILL)
    subprocess.run([*command, str(out)], check=True, env=env)
    assert len(killed) >= 5, killed
    assert digests(out) == digests(tmp_path / "whole")


def test_a_dataset_whose_rows_are_gone_or_changed_is_not_given_back(tmp_path):
    out = tmp_path / "out"
    built(out)
    rows = (out / "train.jsonl").read_bytes()
    (out / "train.jsonl").write_bytes(rows.split(b"\n", 1)[1])
    with pytest.raises(UsageError, match=r"train\.jsonl missing or changed"):
        built(out)
    (out / "train.jsonl").unlink()
    with pytest.raises(UsageError, match=r"train\.jsonl missing or changed"):
        built(out)
    (out / "train.jsonl").write_bytes(rows)
    built(out)


def test_nothing_of_a_build_that_was_ended_while_it_wrote_stays(tmp_path, monkeypatch):
    def ended(*_):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("slm_ext.datasets.card.write_card", ended)
        with pytest.raises(KeyboardInterrupt):
            built(out, sorted(RUNS.iterdir()), exports=("kto",), split=SplitConfig(by="instance", valid=0.5))
    assert (out / "valid.jsonl").exists() and (out / "exports" / "kto.jsonl").exists()
    (out / ".manifest.json.123").write_text("{")  # as a kill between its last two steps leaves it
    built(out, sorted(RUNS.iterdir()), split=SplitConfig(valid=0))
    assert not (out / "valid.jsonl").exists() and not (out / "exports").exists()
    assert not list(out.glob(".manifest*"))
    assert check_dataset(out, batch_size=1).ok
    shutil.copy(out / "train.jsonl", out / "valid.jsonl")
    assert [finding.rule for finding in check_dataset(out, batch_size=1).findings] == ["not_built"]


def test_two_builds_do_not_write_into_one_folder(tmp_path):
    seen = []

    def meanwhile(stage, done, total):
        if not seen:
            with pytest.raises(UsageError, match="another build") as caught:
                built(tmp_path / "out", seed=3)
            seen.append(caught.value)

    build_dataset(SOLVED, tmp_path / "out", CONFIG, executor=LocalExecutor(1), progress=meanwhile)
    assert seen and read_manifest(tmp_path / "out").config == CONFIG


@pytest.mark.parametrize("where", ["file", "file/x", "/proc/x"])
def test_a_folder_that_cannot_be_made(tmp_path, where):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="build a dataset in"):
        built(tmp_path / where)


def test_changed_verdicts_are_another_dataset(tmp_path):
    labels = tmp_path / "lab"
    for name, resolved in (("a", True), ("b", False)):
        (labels / name).mkdir(parents=True)
        (labels / name / "report.json").write_text(json.dumps({name: {"resolved": resolved}}))
    manifest = build_dataset(SOLVED, tmp_path / "out", CONFIG, labels=[labels], executor=LocalExecutor(1))
    assert [name for name, _, _ in manifest.labels] == ["lab/a/report.json", "lab/b/report.json"]
    texts = [(labels / name / "report.json").read_text() for name in "ab"]
    for name, text in zip("ba", texts, strict=True):
        (labels / name / "report.json").write_text(text)
    with pytest.raises(UsageError, match="changed inputs"):
        build_dataset(SOLVED, tmp_path / "out", CONFIG, labels=[labels], executor=LocalExecutor(1))


def test_an_odd_run_does_not_stop_the_others(tmp_path):
    shutil.copytree(SOLVED[0], tmp_path / "runs" / "odd")
    path = tmp_path / "runs" / "odd" / "calls.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        if record["kind"] == "call":
            record["request"]["tools"] = [{"type": "function", "function": {"name": "edit", "parameters": 7}}]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    shutil.copytree(SOLVED[1], tmp_path / "runs" / "good")
    manifest = built(tmp_path / "out", [tmp_path / "runs"])
    assert manifest.counts["read"]["out"] + len(manifest.unreadable) == 2
    assert sum(manifest.counts["rows"].values()) > 0


def test_settings_that_cannot_be_meant(tmp_path):
    with pytest.raises(ValidationError, match="subtasks"):
        BuildConfig(subtasks=("writing",))
    with pytest.raises(UsageError, match="tool bundles") as caught:
        built(tmp_path / "out", bundles=str(tmp_path))
    assert "--bundles" in caught.value.next_step


def test_what_is_lost_most_is_advised_on(tmp_path):
    with pytest.raises(UsageError, match="license") as caught:
        built(tmp_path / "a", licenses=("MIT",))
    assert "licences" in caught.value.next_step
    with pytest.raises(UsageError, match="too_long") as caught:
        built(tmp_path / "b", max_tokens=30)
    assert "--max-tokens" in caught.value.next_step and ", step " in caught.value.seen
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.traj").write_text('{"trajectory": 7}')
    with pytest.raises(UsageError, match="unreadable") as caught:
        built(tmp_path / "c", [tmp_path / "runs" / "a.traj"])
    assert "a.traj, byte 0: " in caught.value.seen


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_workers_end_with_a_build_that_is_killed(tmp_path):
    for number in range(200):
        shutil.copytree(SOLVED[number % len(SOLVED)], tmp_path / "in" / f"run-{number:03d}")
    script = tmp_path / "build.py"
    script.write_text(BUILD.replace("\n", "\n    ").replace("LocalExecutor(1)", "LocalExecutor(2)"))
    script.write_text("if __name__ == '__main__':" + script.read_text())
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "SLM_TEST_MARK": str(tmp_path)}
    process = subprocess.Popen([sys.executable, str(script), str(tmp_path / "in"), str(tmp_path / "out")], env=env)
    while process.poll() is None and not any((tmp_path / "out").glob(".work/*/.episodes-*")):
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    for _ in range(200):
        left = [entry for entry in Path("/proc").glob("[0-9]*/environ") if _holds(entry, str(tmp_path))]
        if not left:
            break
        time.sleep(0.1)
    assert not left


def _holds(file: Path, text: str) -> bool:
    try:
        return text.encode() in file.read_bytes()
    except OSError:
        return False
