"""`slm route explain`: a recorded run's calls in a table, one decision in full, or all of it as data."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from slm_ext.cli._common import emit, say, table
from slm_ext.errors import UsageError

__all__ = ["ending", "show", "what_was_done"]

MARK = "~"
"""Stands behind what was not recorded."""
_CHARS = 60


def show(traj: str, flags) -> int:
    """Print the explanation of one run."""
    from slm_ext.routing.replaying.explanation import explain
    from slm_ext.traces import read_traces

    runs = read_traces(traj)
    run = runs[-1]
    explained = explain(run)
    rows = explained.rows
    if flags.step is not None:
        rows = [row for row in rows if row.step == flags.step]
        if not rows:
            steps = f"1 to {max(row.step for row in explained.rows)}"
            raise UsageError(f"show step {flags.step} of {run.source}", seen="no such step", allowed=steps)
    if flags.json:
        emit(_document(run, explained, rows))
        return 0
    if len(runs) > 1:
        say(f"{run.source} holds {len(runs)} runs; this is the last one, {run.run_id}")
    if flags.step is not None:
        print("\n\n".join(_in_full(row) for row in rows))
        return 0
    _print_table(rows)
    if not flags.quiet:
        print()
        _print_summary(run, explained)
    return 0


def what_was_done(row, chars: int = _CHARS) -> str:
    """The tool and its arguments, cut to fit a line; else why the call was not taken."""
    if not row.tool:
        return _short(row.said, chars)
    values = [value if isinstance(value, str) else json.dumps(value) for value in row.arguments.values()]
    return _short(" ".join([row.tool, *(_short(value, chars // 2) for value in values)]), chars)


def ending(run) -> str:
    """How a run ended, in a few words."""
    verdict = {True: "resolved", False: "not resolved", None: "no verdict recorded"}[run.resolved]
    return f"{run.exit_status or 'no end recorded'}; {verdict}"


def _print_table(rows: list) -> None:
    shown: list[list[str]] = []
    for row in rows:
        shown.append(
            [
                f"{row.step}" if row.answers else f"{row.step} ·",
                row.subtask + MARK * ("subtask" in row.computed),
                row.provider,
                row.cause,
                _number(row.prompt_tokens),
                _number(row.cached_tokens),
                row.status,
                what_was_done(row),
            ]
        )
        if row.switched_from:
            shown.append(["", "", "", "", "", "", "↳", _why(row)])
    table(("STEP", "SUBTASK", "PROVIDER", "CAUSE", "PROMPT", "CACHED", "STATUS", "DONE"), shown)


def _why(row) -> str:
    """What led from one provider to another."""
    told = {name: value for name, value in row.signals.items() if value not in (0, None, "ok", "none")}
    told = {name: value for name, value in told.items() if (name, value) != ("attempt", 1)}
    parts = [f"{row.switched_from} → {row.provider}: {row.cause}", ", ".join(f"{k} {v}" for k, v in told.items())]
    if row.escalated_from:
        parts.append(f"stands in for {row.escalated_from}")
    parts += [f"not {other.get('provider')}: {other.get('why_not')}" for other in row.alternatives]
    return "; ".join(part for part in parts if part)


def _print_summary(run, explained) -> None:
    columns = ("PROVIDER", "STEPS", "CALLS", "PROMPT", "CACHED", "REPLY", "SECONDS")
    rows = []
    for name, total in explained.totals.items():
        counts = (total.steps, total.calls, total.prompt_tokens, total.cached_tokens, total.reply_tokens)
        rows.append([name, *map(str, counts), f"{total.seconds:.1f}"])
    table(columns, rows)
    print(f"\nswitches: {explained.switches}, escalations: {explained.escalations}")
    print(f"ended: {ending(run)}")
    if not explained.routed:
        print("no routes were recorded: the provider is the recorded model's")
    if any(row.computed for row in explained.rows):
        print(f"{MARK} computed now from the conversation, not recorded")


def _in_full(row) -> str:
    lines = [
        f"step {row.step}, attempt {row.attempt}: {row.status} by {row.provider}" + (f", {row.said}" * bool(row.said)),
        f"  done:       {what_was_done(row, 200) if row.tool else 'nothing'}",
        f"  subtask:    {row.subtask}" + _mark(row, "subtask"),
        f"  cause:      {row.cause}",
        f"  signals:    {', '.join(f'{k} {v}' for k, v in row.signals.items())}" + _mark(row, "signals"),
    ]
    if row.switched_from:
        lines.append(f"  switch:     {row.switched_from} → {row.provider}")
    if row.escalated_from:
        lines.append(f"  stands in:  for {row.escalated_from}")
    for other in row.alternatives:
        lines.append(f"  not chosen: {other.get('provider')}: {other.get('why_not')}")
    if row.switch_cost:
        prefill, load = row.switch_cost.get("prefill_tokens"), row.switch_cost.get("load_s")
        lines.append(f"  cost:       {_number(prefill)} tokens to prefill, {_number(load)} s to load")
    used = (row.prompt_tokens, row.cached_tokens, row.reply_tokens)
    lines.append("  tokens:     prompt {}, cached {}, reply {}".format(*map(_number, used)))
    lines.append(f"  seconds:    {_number(row.seconds)}" + (f" at {row.endpoint}" if row.endpoint else ""))
    if row.context:
        before, after = row.context.get("tokens_before"), row.context.get("tokens_after")
        places = len(row.context.get("dropped") or [])
        lines.append(f"  context:    {row.context.get('strategy')}: {before} → {after} tokens, {places} places cut")
    return "\n".join(lines)


def _document(run, explained, rows: list) -> dict[str, Any]:
    return {
        "source": str(run.source),
        "instance_id": run.instance_id,
        "run_id": run.run_id,
        "host": run.host,
        "routes_recorded": explained.routed,
        "calls": [asdict(row) for row in rows],
        "total": len(rows),
        "omitted": len(explained.rows) - len(rows),
        "providers": {name: asdict(total) for name, total in explained.totals.items()},
        "switches": explained.switches,
        "escalations": explained.escalations,
        "resolved": run.resolved,
        "submitted": run.submitted,
        "exit_status": run.exit_status,
    }


def _mark(row, name: str) -> str:
    return " (computed now, not recorded)" if name in row.computed else ""


def _short(text: str, chars: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= chars else line[: chars - 1] + "…"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
