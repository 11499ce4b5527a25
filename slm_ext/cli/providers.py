"""`slm providers`: the models there are by name, what one of them is told, and whether they answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from slm_ext.cli._common import CommonFlags, emit, parse, say, table, words
from slm_ext.errors import SlmError, UsageError

__all__ = ["main"]

ACTIONS = ("list", "show", "check")


@dataclass
class ProvidersFlags(CommonFlags):
    """List the models there are, show one, or check that they answer: reachable, the right model, one token.

    `check` starts the server of a provider that has one, and stops it again. Without a NAME it checks all of them.
    Exit code 1: a check failed.
    """

    words: list[str] = field(default_factory=list, metadata=words("ACTION", nargs="*"))
    """list (default), show NAME, or check [NAME …]"""


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    flags = parse(ProvidersFlags, "providers", argv)
    action, *names = flags.words or ["list"]
    if action not in ACTIONS:
        from slm_ext.registry.nearest import hint

        raise UsageError(
            "read the command line of slm providers",
            seen=f"{action!r}" + (f"; {close}" if (close := hint(action, ACTIONS)) else ""),
            allowed="list, show NAME, check [NAME …]",
            next_step="slm providers --help",
        )
    if (action == "list" and names) or (action == "show" and len(names) != 1):
        raise UsageError(
            f"read the command line of slm providers {action}",
            seen=f"{len(names)} names",
            allowed="one NAME" if action == "show" else "no NAME",
            next_step="slm providers" if action == "show" else f"slm providers show {names[0]}",
        )
    from slm_ext.registry import load_registry

    registry = load_registry()
    if action == "show":
        return _show(registry, names[0], flags)
    if action == "check":
        return _check(registry, names, flags)
    return _list(registry, flags)


def _list(registry, flags: ProvidersFlags) -> int:
    providers = [registry.provider(name) for name in registry.names()]
    if flags.json:
        emit({"providers": [_row(p, registry) for p in providers], "total": len(providers), "omitted": 0})
        return 0
    table(("NAME", "MODEL", "ANSWERS", "PROFILE"), [(p.name, p.model, _where(p), p.profile) for p in providers])
    if not flags.quiet:
        from slm_ext.paths import home

        say(f"yours go into {home() / 'providers.yaml'}; `slm providers show NAME` shows all fields")
    return 0


def _row(provider, registry) -> dict[str, Any]:
    return {
        "name": provider.name,
        "model": provider.model,
        "managed": provider.managed,
        "api_base": provider.api_base,
        "profile": provider.profile,
        "source": registry.source(provider.name),
    }


def _where(provider) -> str:
    return f"managed ({provider.server.engine})" if provider.managed else provider.api_base


def _show(registry, name: str, flags: ProvidersFlags) -> int:
    provider, source = registry.provider(name), registry.source(name)
    if flags.json:
        emit({"provider": provider.public_dump(), "source": source})
        return 0
    import yaml

    data = {key: value for key, value in provider.public_dump().items() if value not in ({}, [])}
    entry = {data.pop("name"): data}
    print(f"# {source}")
    print(yaml.safe_dump({"slm_providers": entry}, sort_keys=False, allow_unicode=True), end="")
    return 0


def _check(registry, names: list[str], flags: ProvidersFlags) -> int:
    providers = [registry.provider(name) for name in names or registry.names()]
    if not providers:
        raise UsageError("check providers", seen="no provider is defined", allowed="one at least")
    reports = []
    for provider in providers:
        if not flags.quiet:
            say(f"checking {provider.name} …")
        try:
            reports.append(_report(provider, flags))
        except SlmError as error:
            if len(names) == 1:
                raise
            reports.append(
                {"provider": provider.name, "verdict": "error", "error": _short(error), "next_step": error.next_step}
            )
    failed = [report for report in reports if report["verdict"] != "ok"]
    if flags.json:
        emit({"checks": reports, "total": len(reports), "failed": len(failed), "omitted": 0})
    else:
        _print_reports(reports)
    return 1 if failed else 0


def _report(provider, flags: ProvidersFlags) -> dict[str, Any]:
    from slm_ext.serving import acquire, check

    def tell(stage: str, message: str) -> None:
        if not flags.quiet:
            say(f"  {stage}: {message}")

    with acquire(provider, on_event=tell) as handle:
        report = check(provider, handle).model_dump(mode="json")
        return {"provider": provider.name, "base_url": handle.base_url, **report}


def _short(error: SlmError) -> str:
    return f"{error.attempted}: {error.seen}" if error.seen else error.attempted


def _print_reports(reports: list[dict[str, Any]]) -> None:
    rows = []
    for report in reports:
        token = report.get("ttft_ms")
        said = report.get("error") or (f"first token after {token:.0f} ms" if token is not None else "")
        rows.append((report["provider"], report["verdict"], " ".join(said.split())))
    table(("NAME", "VERDICT", ""), rows)
    for report in reports:
        if report["verdict"] != "ok" and report.get("next_step"):
            print(f"next for {report['provider']}: {report['next_step']}")
