"""The evaluation counts what it should: a scripted server in the model's place, the real agent, real tests."""

import itertools
import json
import subprocess
import sys
import time
from concurrent.futures import Future

import pytest

pytest.importorskip("numpy", reason="slm-ext[train] is not installed")

from slm_ext.errors import UsageError
from slm_ext.registry import load_registry
from slm_ext.serving.processes import birth
from slm_ext.testing.openai_server import FakeOpenAI, tool_call
from slm_ext.tiny import evaluation
from slm_ext.tiny.evaluation import evaluate, held_out_tasks
from slm_ext.tiny.results import wilson


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    """Evaluate tasks with a server that answers by `script(task)`, a list of calls."""
    monkeypatch.setenv("SLM_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    servers = []

    def run(tasks, script, **options):
        scripts = {task.issue: script(task) for task in tasks}

        def reply(request):
            calls = scripts[next(m["content"] for m in request["messages"] if m["role"] == "user")]
            made = sum(m["role"] == "assistant" for m in request["messages"])
            return tool_call(calls[made][0], **calls[made][1])

        server = FakeOpenAI([reply]).__enter__()
        servers.append(server)
        entry = f"model: m\n    api_base: {server.base_url}\n    profile: tiny\n"
        (tmp_path / "home" / "providers.yaml").write_text(f"slm_providers:\n  fake:\n    {entry}")
        return evaluate("fake", tasks, workers=1, **options)

    yield run
    for server in servers:
        server.close()


def right(task):
    edit = {"path": task.path, "line": task.edit.line, "old": task.edit.old, "new": task.edit.new}
    return [("edit_line", edit), ("submit", {})]


def cheating(task):
    """Takes the assertions out of the test."""
    lines = task.files[task.test_path].split("\n")
    wrong = [(n, text) for n, text in enumerate(lines, 1) if "assert" in text]
    edits = [("edit_line", {"path": task.test_path, "line": n, "old": t, "new": "    assert True"}) for n, t in wrong]
    return [*edits, ("submit", {})]


def test_a_task_is_resolved_by_its_own_tests_only(scripted, tmp_path):
    tasks = held_out_tasks(3, 5)
    agents = {tasks[0].issue: right, tasks[1].issue: cheating, tasks[2].issue: lambda task: [("submit", {})]}
    seen = {}
    summary = scripted(
        tasks, lambda task: agents[task.issue](task), out=tmp_path / "out",
        on_result=lambda i, task, result: seen.update({i: result.resolved}),
    )  # fmt: skip
    assert seen == {0: True, 1: False, 2: False}
    assert (summary["tasks"], summary["resolved"], summary["rate"]) == (3, 1, round(1 / 3, 4))
    assert sum(row["tasks"] for row in summary["family"].values()) == 3
    assert summary["family"][tasks[0].family]["resolved"] == 1
    assert summary["wilson_95"] == [round(x, 4) for x in wilson(1, 3)]
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary
    assert (tmp_path / "out" / "0001").is_dir() and "assert True" in next(
        (tmp_path / "out" / "0001").glob("*.patch")
    ).read_text()


def test_a_patch_that_loops_for_ever_costs_the_time_of_a_verdict(scripted):
    task = next(t for t in held_out_tasks(20, 5) if t.edit.old.strip().startswith("return"))
    edit = {"path": task.path, "line": task.edit.line, "old": task.edit.old.strip(), "new": "while True: pass"}
    ended = []
    summary = scripted(
        [task], lambda task: [("edit_line", edit), ("submit", {})],
        on_result=lambda i, task, result: ended.append(result), test_timeout_s=3,
    )  # fmt: skip
    assert summary["resolved"] == 0 and ended[0].submitted


def test_the_same_evaluation_again_reports_what_is_there(scripted, tmp_path):
    tasks = held_out_tasks(1, 6)
    first = scripted(tasks, right, out=tmp_path / "out")
    again = scripted(tasks, lambda task: [("submit", {})], out=tmp_path / "out")
    assert first == again and again["resolved"] == 1


def test_a_run_that_fails_counts_as_unresolved_under_its_error(tmp_path):
    job = Future()
    job.set_exception(OSError(28, "No space left on device"))
    result = evaluation._result(job, "fake", "mini", tmp_path / "0000", None)
    assert (result.resolved, result.exit_status) == (False, "OSError") and "No space" in result.message


def test_calls_that_name_nothing_are_counted(scripted):
    task = held_out_tasks(1, 5)[0]
    wrong = {"path": task.path, "line": task.edit.line, "old": "no such text", "new": "x"}
    calls = [
        ("read_file", {"path": "nowhere.py"}),
        ("read_file", {"path": task.path, "symbol": "nobody"}),
        ("read_file", {"path": task.path, "start": 9000}),
        ("edit_line", wrong),
        ("edit_line", wrong | {"old": ""}),  # a bad argument, but it names nothing wrong
        ("undo_edit", {"path": task.path}),
        ("pytest_run", {}),
        *right(task),
    ]
    summary = scripted([task], lambda task: calls)
    assert (summary["calls"], summary["calls_naming_nothing"], summary["steps"]) == (9, 5, 9)
    assert summary["replies"] == {"ok": 9} and summary["resolved"] == 1
    [row] = summary["results"]
    assert row == {
        "task": f"0000-{task.family}", "resolved": True, "exit_status": "Submitted", "steps": 9, "calls": 9,
        "calls_naming_nothing": 5,
    }  # fmt: skip
    assert (summary["engine"], summary["constraints"]) == (None, "off")


def test_constraints_and_engine_are_changed_for_one_evaluation(tmp_path, monkeypatch):
    monkeypatch.setenv("SLM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert evaluation._changed("flywheel-tiny", tmp_path / "none", None, None) == []
    for constraints, engine in itertools.product((None, "off", "calls"), ("slm", "plain")):
        [path] = evaluation._changed("flywheel-tiny", tmp_path / "out", constraints, engine)
        provider = load_registry(extra_layers=[("changed", path)]).provider("flywheel-tiny")
        assert provider.server.engine == engine and provider.server.model_path == "package:flywheel-tiny"
        assert provider.constraints == (constraints or "grounded") and provider.profile == "tiny"
    assert len(list((tmp_path / "out").iterdir())) == 6  # results of one are never taken for results of another
    with pytest.raises(UsageError, match="served by others"):
        evaluation._changed("ollama", tmp_path / "out", None, "slm")


def test_results_of_other_weights_are_not_counted(scripted, tmp_path, monkeypatch):
    tasks = held_out_tasks(1, 8)
    scripted(tasks, right, out=tmp_path / "out")
    run = tmp_path / "out" / "0000" / "run.json"
    record = json.loads(run.read_text())
    record["result"]["identity"] = {"weights_sha": "other"}
    run.write_text(json.dumps(record))
    with pytest.raises(UsageError, match="by weights other"):
        scripted(tasks, right, out=tmp_path / "out")


def test_held_out_tasks_are_reserved_or_of_families_kept_out():
    from slm_ext.tiny import families

    assert all(task.reserved for task in held_out_tasks(5, 1))
    kept_out = {f.name for f in families.held_out()}
    assert {task.family for task in held_out_tasks(5, 1, held_out_families=True)} <= kept_out
    assert not {task.family for task in held_out_tasks(5, 1)} & kept_out


_POOL = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from slm_ext.tiny import evaluation
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    start = {"initializer": evaluation._start_worker, "initargs": (context.Event(),)}
    with ProcessPoolExecutor(1, mp_context=context, **start) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""


def test_workers_end_with_an_evaluation_that_is_killed(tmp_path):
    (tmp_path / "pool.py").write_text(_POOL)
    with subprocess.Popen([sys.executable, str(tmp_path / "pool.py")], stdout=subprocess.PIPE, text=True) as process:
        worker = int(process.stdout.readline())
        assert birth(worker)
        process.kill()
    deadline = time.monotonic() + 10
    while birth(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert birth(worker) is None
