"""`slm serve`: a provider's server, started or joined, and kept for a while without a run."""

# No `from __future__ import annotations`: simple-parsing reads the types of inherited fields in the wrong module then.
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from slm_ext.cli._common import SWITCH, CommonFlags, emit, parse, say, takes, words
from slm_ext.errors import ServingError, UsageError

__all__ = ["main"]

TTL_S = 600


@dataclass
class ServeFlags(CommonFlags):
    """Start the server of a provider, or join the one that runs, and leave it running.

    It ends by itself when nobody has used it for --ttl seconds; `slm stop NAME` ends it now. With --foreground it
    lives until Ctrl-C, and its log is shown.
    """

    name: str = field(default="", metadata=words("NAME"))
    """provider, by its registry name"""
    port: int | None = field(default=None, metadata=takes("N"))
    """a fixed port (default: the provider's, else a free one); runs join it only where the provider says the same"""
    ttl: float | None = field(default=None, metadata=takes("SECONDS"))
    """seconds it lives on after its last user (default: the provider's, else 600; with --foreground 0)"""
    engine: Literal["slm", "plain"] | None = field(default=None, metadata=takes("slm|plain", choices=["slm", "plain"]))
    """slm|plain: another engine than the provider's"""
    foreground: bool = field(default=False, metadata=SWITCH)
    """stay, show the log, and let go of the server at Ctrl-C"""
    dry_run: bool = field(default=False, metadata=SWITCH)
    """check everything, say what would be started, start nothing"""


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    flags = parse(ServeFlags, "serve", argv)
    from slm_ext.cli._models import with_model

    provider = _asked(flags)
    if flags.dry_run:
        document = _plan(provider)
        emit(document) if flags.json else print(_lines(document) + "\ndry run: nothing was started")
        return 0
    return with_model(lambda: _foreground(provider, flags) if flags.foreground else _background(provider, flags), flags,
                      provider.name)  # fmt: skip


def _asked(flags: ServeFlags):
    """The provider with what the flags change of its server."""
    from pydantic import ValidationError

    from slm_ext.cli._servers import managed_provider
    from slm_ext.registry import ServerSpec

    if flags.port is not None and not 0 <= flags.port <= 65535:
        raise UsageError("read --port", seen=str(flags.port), allowed="0 (a free one) … 65535")
    if flags.ttl is not None and not 0 <= flags.ttl < float("inf"):
        raise UsageError("read --ttl", seen=str(flags.ttl), allowed="seconds, 0 or more")
    provider = managed_provider(flags.name)
    spec = provider.server
    if flags.engine and spec.command:
        raise UsageError(
            f"serve provider {provider.name!r} with --engine {flags.engine}",
            seen="it has a `command` of its own", allowed="no --engine",
        )  # fmt: skip
    ttl = flags.ttl if flags.ttl is not None else spec.ttl_s if flags.foreground else spec.ttl_s or TTL_S
    changes = {"ttl_s": ttl, "port": flags.port, "engine": flags.engine}
    values = spec.model_dump(exclude_unset=True) | {key: value for key, value in changes.items() if value is not None}
    try:
        return provider.model_copy(update={"server": ServerSpec(**values)})
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"serve provider {provider.name!r}", seen=reason, next_step="slm serve --help") from None


def _plan(provider) -> dict[str, Any]:
    from slm_ext.serving.launch import launch_for

    launch = launch_for(provider)
    document = {
        "name": provider.name, "engine": launch.engine, "model": launch.model_path, "port": launch.port or None,
        "ttl_s": launch.ttl_s, "fingerprint": launch.fingerprint, "memory": None,
    }  # fmt: skip
    if launch.engine != "command":
        from slm_ext.serving.presets import provider_estimate

        document["memory"] = provider_estimate(provider).document()
    return document


def _background(provider, flags: ServeFlags) -> int:
    from slm_ext.serving import acquire

    stages: list[str] = []
    try:
        with acquire(provider, on_event=_teller(flags, stages)) as handle:
            document = _document(provider, handle, joined="joined" in stages)
    except KeyboardInterrupt:
        if "starting" in stages:
            say(f"it goes on starting; slm stop {provider.name} ends it")
        raise
    emit(document) if flags.json else print(_lines(document))
    if document["ttl_s"] == 0 and not flags.quiet:
        say("it ended again: --ttl 0 means that a server lives as long as somebody uses it (see --foreground)")
    return 0


def _foreground(provider, flags: ServeFlags) -> int:
    from slm_ext.cli._servers import follow
    from slm_ext.serving import acquire

    stages: list[str] = []
    with acquire(provider, on_event=_teller(flags, stages)) as handle:
        document = _document(provider, handle, joined="joined" in stages)
        emit(document) if flags.json else print(_lines(document))
        sys.stdout.flush()
        if not flags.quiet:
            say("Ctrl-C ends the showing, not the server, which ran before" if document["joined"] else "Ctrl-C ends it")
        try:
            for text in follow(Path(document["log_path"]), lambda: handle.refresh() not in ("stopped", "failed")):
                if not flags.quiet:
                    print(text, end="", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            return 0
        if handle.state == "stopped":
            say("it was stopped")
            return 0
        seen = str(handle.failure() or "").splitlines()[:2]
        raise ServingError(
            f"keep the server of {provider.name!r}", seen=": ".join(seen) or "it failed, or its keeper was killed",
            next_step=f"slm logs {provider.name}",
        )  # fmt: skip


def _teller(flags: ServeFlags, stages: list[str]):
    def tell(stage: str, message: str) -> None:
        stages.append(stage)
        if not flags.quiet and stage not in ("stopping", "stopped"):
            say(f"{stage}: {message}" if message else stage)

    return tell


def _document(provider, handle, *, joined: bool) -> dict[str, Any]:
    from slm_ext.cli._servers import row, running

    state = next(state for state in running() if state.get("base_url") == handle.base_url)
    shown = row({**state, "leases": 0})
    for moving in ("age_s", "leases", "idle_left_s", "state"):
        del shown[moving]
    return {**shown, "name": provider.name, "ttl_s": provider.server.ttl_s, "joined": joined}


def _lines(document: dict[str, Any]) -> str:
    """The document for people."""
    labels = (
        ("name", "provider"), ("engine", "engine"), ("model", "model"), ("model_id", "request it as"),
        ("base_url", "base URL"), ("token_file", "token in"), ("pid", "pid"), ("context_tokens", "context"),
        ("log_path", "log"),
    )  # fmt: skip
    rows = [(label, str(document[key])) for key, label in labels if document.get(key) is not None]
    if document.get("ttl_s"):
        least = "at least " if document.get("joined") else ""  # it may have been asked to live longer
        rows.append(("ends after", f"{least}{document['ttl_s']:g} s without a user"))
    if document.get("memory"):
        rows.append(("memory", document["memory"]["summary"]))
    rows += [("note", note) for note in document.get("notes") or []]
    return "\n".join(f"{label:<13}  {text}" for label, text in rows)
