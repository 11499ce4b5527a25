"""One task, recited: plan, clone, Python, server, agent, patch, verdict, records.

Interrupted at any point it ends what it started, keeps what it has and marks the records; the same command again starts
the task anew and puts the old records aside.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from slm_ext.runs.clone import Clone, make_clone
from slm_ext.runs.events import Ended, Event, Listener, Note, Stage, Started
from slm_ext.runs.host import Steps
from slm_ext.runs.patch import apply_patch, ignored, worktree_patch
from slm_ext.runs.plan import Plan, make_plan
from slm_ext.runs.python_env import TaskPython, make_environment
from slm_ext.runs.records import RunFolder, write_atomic
from slm_ext.runs.request import RunRequest, RunResult
from slm_ext.runs.verdict import Verdict, judge
from slm_ext.sandbox.commands import end_survivors, kill_all
from slm_ext.sandbox.interrupts import held, interruptible

__all__ = ["run_task"]


def run_task(request: RunRequest, listener: Listener | None = None) -> RunResult:
    """Carry out one request.

    Args:
        listener: called with every event of `events`, in this thread.

    Raises:
        UsageError, ServingError: nothing was run; the records, if any yet, say `failed`.
        KeyboardInterrupt: interrupted; the records say so.
    """
    plan = make_plan(request)
    tell = listener or (lambda event: None)
    if (plan.earlier or {}).get("status") == "finished":
        return _report(plan, tell)
    folder = RunFolder(plan.folder, plan.instance_id, request)

    def both(event: Event) -> None:
        folder(event)
        tell(event)

    with interruptible(on_second=kill_all):
        folder.open()
        try:
            if plan.earlier:
                both(
                    Note(
                        f"the earlier run there was {_ended(plan.earlier)}: started anew, its records are in attempts/"
                    )
                )
            result = _run(plan, folder, both)
            folder.finish(result)
        except KeyboardInterrupt:
            with held():
                folder.update(status="interrupted")
                both(Note(f"interrupted; the records are in {folder.path}"))
            raise
        except BaseException as error:
            with held():
                folder.update(status="failed", error={"type": type(error).__name__, "message": str(error)})
            raise
        finally:
            end_survivors()
            folder.close()
        return result


def _run(plan: Plan, folder: RunFolder, tell: Listener) -> RunResult:
    tell(Started(plan.provider.name, plan.provider.model, plan.host.name, plan.host.reason, plan.source.shown,
                 str(folder.path), plan.step_limit))  # fmt: skip
    for note in plan.notes:
        tell(Note(note))
    folder.update(host=plan.host.name, host_reason=plan.host.reason, plan=plan.document())

    clone = _clone(plan, folder, tell)
    python = _python(plan, folder, clone, tell)
    kept = ignored(clone)
    outcome, steps, identity = _agent(plan, folder, clone, python, tell)

    tell(Stage("patch", "collecting what the agent changed"))
    folder.update(stage="patch")
    difference = worktree_patch(clone)
    submitted = outcome["exit_status"] == "Submitted" and bool(difference.strip())
    where = folder.patch if submitted else folder.unsubmitted
    if difference.strip():
        write_atomic(where, difference)
    verdict = _verdict(plan, folder, clone, python, difference if submitted else b"", kept, tell)
    applied, refusal = _apply(plan, folder, difference if submitted else b"", verdict, tell)

    result = RunResult(
        resolved=verdict.resolved if verdict else (None if submitted else False),
        exit_status=outcome["exit_status"],
        submitted=submitted,
        patch_path=str(folder.patch) if submitted else None,
        trajectory_path=str(folder.trajectory) if folder.trajectory.exists() else None,
        calls_path=str(folder.calls) if folder.calls.exists() else None,
        run_dir=str(folder.path),
        instance_id=plan.instance_id,
        slm=plan.provider.name,
        host=plan.host.name,
        steps=steps.count,
        tokens=steps.tokens,
        seconds=round(folder.seconds(), 3),
        identity=identity,
        applied=applied,
        message=refusal or (verdict.message if verdict else "") or _why(outcome, submitted),
    )
    if not plan.request.keep_clone:
        shutil.rmtree(clone.path, ignore_errors=True)
    tell(Ended(result.document(), difference.decode("utf-8", errors="replace") if submitted else ""))
    return result


def _clone(plan: Plan, folder: RunFolder, tell: Listener) -> Clone:
    tell(Stage("clone", plan.source.shown))
    folder.update(stage="clone")
    clone = make_clone(plan.source, folder.clone, leave_out=(folder.path,))
    for note in clone.notes:
        tell(Note(note))
    folder.update(clone={"path": "repo", "head": clone.head, "baseline": clone.baseline, "notes": clone.notes})
    return clone


def _python(plan: Plan, folder: RunFolder, clone: Clone, tell: Listener) -> TaskPython:
    tell(Stage("python", f"{plan.python}" + (f", setup: {plan.request.setup}" if plan.request.setup else "")))
    folder.update(stage="python")
    python = make_environment(
        plan.python, bool(plan.request.python), clone, folder.work, setup=plan.request.setup, secrets=plan.secrets
    )
    for note in python.notes:
        tell(Note(note))
    folder.update(python={"path": str(python.python), "notes": python.notes})
    return python


def _agent(
    plan: Plan, folder: RunFolder, clone: Clone, python: TaskPython, tell: Listener
) -> tuple[dict[str, Any], Steps, dict | None]:
    from slm_ext.serving import acquire
    from slm_ext.traces import Recorder

    tell(Stage("server", f"{plan.provider.model}"))
    folder.update(stage="server")
    steps = Steps(tell)
    with acquire(plan.provider, log_dir=folder.path, on_event=_stages(tell)) as handle:
        identity = handle.identity.model_dump(mode="json")
        folder.update(stage="agent", identity=identity)
        secrets = [plan.provider.resolve_api_key(), handle.token]
        recorder = Recorder(folder.calls, folder.run_id, plan.instance_id, secrets=secrets)
        tell(Stage("agent", "working"))
        outcome: dict[str, Any] = {"exit_status": "interrupted"}
        env = python.env | {"SLM_TOOL_STATE": str(folder.work / "state"), "SLM_BASELINE": clone.baseline}
        try:
            outcome = _enter(plan)(
                provider=plan.provider, profile=plan.profile, bundles=plan.bundles, handle=handle, recorder=recorder,
                repo=clone.path, env=env, task=plan.task,
                trajectory=folder.trajectory, step_limit=plan.step_limit, overrides=plan.overrides, on_step=steps,
                facts={"run_id": folder.run_id, "instance_id": plan.instance_id, "baseline": clone.baseline},
            )  # fmt: skip
        finally:
            with held():
                recorder.outcome(
                    submitted=outcome["exit_status"] == "Submitted", exit_status=outcome["exit_status"], resolved=None
                )
    return outcome, steps, identity


def _enter(plan: Plan) -> Callable[..., dict[str, Any]]:
    if plan.host.name == "sweagent":
        from slm_ext.hosts.sweagent.entry import run_task_in_sweagent

        return run_task_in_sweagent
    from slm_ext.hosts.mini.entry import run_task_in_mini

    return run_task_in_mini


def _verdict(
    plan: Plan, folder: RunFolder, clone: Clone, python: TaskPython, patch: bytes, kept: set[str], tell: Listener
) -> Verdict | None:
    if not plan.request.test:
        return None
    folder.update(stage="test")
    if patch.strip():
        tell(Stage("test", plan.request.test))
    return judge(
        plan.request.test, patch, clone, python.env, folder.work / "test.log",
        keep_ignored=kept, timeout_s=plan.request.test_timeout_s,
    )  # fmt: skip


def _apply(
    plan: Plan, folder: RunFolder, patch: bytes, verdict: Verdict | None, tell: Listener
) -> tuple[bool | None, str]:
    """(applied, why not)."""
    if not plan.request.apply:
        return None, ""
    if not patch.strip():
        return False, ""
    if verdict and not verdict.resolved:
        return False, f"not applied: {verdict.message}"
    tell(Stage("apply", plan.source.shown))
    folder.update(stage="apply")
    with held():
        refusal = apply_patch(plan.source.checkout, patch)
    if refusal:
        first = refusal.splitlines()[0]
        return False, f"the patch does not apply cleanly to {plan.source.shown} ({first}); it is kept in {folder.patch}"
    return True, ""


def _stages(tell: Listener) -> Callable[[str, str], None]:
    return lambda stage, message: tell(Stage("server", f"{stage}: {message}" if message else stage))


def _why(outcome: dict[str, Any], submitted: bool) -> str:
    if submitted:
        return ""
    if outcome["exit_status"] == "Submitted":
        return "what was submitted changes nothing"
    return (outcome.get("exception_str") or "").split("\n")[0]


def _ended(earlier: dict[str, Any]) -> str:
    return {"running": "cut off"}.get(earlier["status"], earlier["status"])


def _report(plan: Plan, tell: Listener) -> RunResult:
    """The result of a run that was finished before."""
    result = RunResult(**plan.earlier["result"]).model_copy(update={"resumed": True})
    tell(Note(f"this run was finished on {plan.earlier['ended_at']}: reported from {plan.folder}, not done again"))
    patch = plan.folder / f"{plan.instance_id}.patch"
    tell(Ended(result.document(), patch.read_text(errors="replace") if result.patch_path and patch.exists() else ""))
    return result
