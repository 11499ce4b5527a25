"""`slm providers check`: which providers are meant, the check of each, and how the reports are shown."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from slm_ext.cli._common import emit, say, table
from slm_ext.errors import MissingExtra, ModelMissing, SlmError, UsageError
from slm_ext.registry.provider import Provider

__all__ = ["check_providers"]


def check_providers(registry, names: list[str], flags) -> int:
    """Check those of `names`, a router's members among them, or all providers; returns the exit code.

    What others run is asked at the same time. Servers of our own are started one after the other, and stopped again.
    Without `names`, a model that is not on this machine is left out, with a line.

    Args:
        flags: `json`, `quiet` and `deep`.

    Raises:
        SlmError: the only provider that was named cannot be asked: its key is not set, its server does not start.
    """
    providers = _meant(registry, names)
    if not providers:
        raise UsageError("check providers", seen="no provider is defined", allowed="one at least")
    alone = len(providers) == 1 and bool(names)
    reports: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    from slm_ext.serving.health.together import at_once

    waiting = {p.name: at_once(partial(_external, p, flags)) for p in providers if not p.managed}
    for provider in providers:
        if not flags.quiet:
            say(f"checking {provider.name} …")
        try:
            reports.append(_report(provider, waiting.get(provider.name), flags))
        except SlmError as error:
            if alone:
                raise
            if not names and isinstance(error, ModelMissing | MissingExtra):
                skipped.append(_skip(provider, error))
            else:
                reports.append(_failed(provider, error))
    failed = sum(report["verdict"] != "ok" for report in reports)
    if flags.json:
        emit({"checks": reports, "total": len(reports), "failed": failed, "skipped": skipped, "omitted": 0})
    else:
        _show(reports)
        for row in skipped:
            print(f"not checked: {row['provider']}: {row['reason']}; next: {row['next_step']}")
    return 1 if failed else 0


def _meant(registry, names: list[str]) -> list[Provider]:
    """Each once, in the order named."""
    found: dict[str, Provider] = {}
    for name in names or registry.provider_names():
        found.update(registry.team(name).providers)
    return list(found.values())


def _report(provider: Provider, waiting: Future[dict[str, Any]] | None, flags) -> dict[str, Any]:
    return waiting.result() if waiting else _managed(provider, flags)


def _external(provider: Provider, flags) -> dict[str, Any]:
    from slm_ext.serving.health import check_endpoints, tools_wanted

    return _row(provider, check_endpoints(provider, tools=tools_wanted(provider), deep=flags.deep))


def _managed(provider: Provider, flags) -> dict[str, Any]:
    from slm_ext.serving import acquire
    from slm_ext.serving.folders import pull_command
    from slm_ext.serving.health import check, tools_wanted

    def tell(stage: str, message: str) -> None:
        if not flags.quiet:
            say(f"  {stage}: {message}")

    try:
        handle = acquire(provider, on_event=tell)
    except ModelMissing as missing:
        raise ModelMissing(
            missing.attempted, model=missing.model, revision=missing.revision, seen=missing.seen,
            allowed=missing.allowed, next_step=pull_command(provider.name),
        ) from None  # fmt: skip
    with handle:
        return _row(provider, check(provider, handle, tools=tools_wanted(provider), deep=flags.deep))


def _row(provider: Provider, report) -> dict[str, Any]:
    return {"provider": provider.name, **report.model_dump(mode="json")}


def _failed(provider: Provider, error: SlmError) -> dict[str, Any]:
    """The report of a provider that could not be asked."""
    from slm_ext.errors import WrongModel
    from slm_ext.serving.health import HealthReport

    if isinstance(error, ModelMissing):
        verdict = "model_missing"
    elif isinstance(error, WrongModel):
        verdict = "wrong_model"
    else:
        verdict = "error" if provider.managed else "auth"
    report = HealthReport(verdict=verdict, error=_short(error), next_step=error.next_step)
    return _row(provider, report)


def _skip(provider: Provider, error: SlmError) -> dict[str, str]:
    return {"provider": provider.name, "reason": _short(error), "next_step": error.next_step}


def _short(error: SlmError) -> str:
    return f"{error.attempted}: {error.seen}" if error.seen else error.attempted


def _show(reports: list[dict[str, Any]]) -> None:
    if not reports:
        return
    table(("NAME", "VERDICT", ""), [row for report in reports for row in _rows(report)])
    for report in reports:
        for part in report["endpoints"] or [report]:
            where = f"{report['provider']} at {part['base_url']}" if report["endpoints"] else report["provider"]
            for note in part["notes"]:
                print(f"note on {where}: {note}")
            if part["verdict"] != "ok" and part["next_step"]:
                print(f"next for {where}: {part['next_step']}")


def _rows(report: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    several = report["endpoints"]
    if not several:
        yield report["provider"], report["verdict"], _said(report)
        return
    bad = sum(part["verdict"] != "ok" for part in several)
    yield report["provider"], report["verdict"], f"{bad or 'none'} of {len(several)} endpoints failed"
    for part in several:
        yield f"  {part['base_url']}", part["verdict"], _said(part)


def _said(report: dict[str, Any]) -> str:
    if report["error"]:
        return " ".join(report["error"].split())
    parts = [] if report["ttft_ms"] is None else [f"first token after {report['ttft_ms']:.0f} ms"]
    return ", ".join([*parts, *_abilities(report["capabilities"])])


def _abilities(known: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What was seen; what is only declared stands in the entry."""
    words = {"native_tools": "tool calls", "json_schema": "JSON schema", "thinking": "thinking"}
    for name, text in words.items():
        if known[name]["how"] == "probed":
            yield text if known[name]["value"] else f"no {text}"
    if known["window"]["how"] == "probed":
        yield f"window {known['window']['value']}"
