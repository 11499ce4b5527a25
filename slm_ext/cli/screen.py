"""What a person sees of a run: live on a terminal, plain lines in a pipe. Renders events, knows nothing else."""

from __future__ import annotations

import os
from types import TracebackType
from typing import IO

from slm_ext.runs import events
from slm_ext.runs.events import Event, short_arguments

__all__ = ["LiveScreen", "PlainScreen", "make_screen"]

_PATCH_LINES = 200


def make_screen(stream: IO[str], *, quiet: bool = False) -> PlainScreen | LiveScreen:
    """A listener for `stream`, to be used in a `with` statement: live on a terminal, else plain."""
    terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    return LiveScreen(stream) if terminal and not quiet else PlainScreen(stream, quiet=quiet)


class PlainScreen:
    """One line per event, flushed, in the order of events."""

    def __init__(self, stream: IO[str], *, quiet: bool = False):
        self._stream, self._quiet = stream, quiet

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def __call__(self, event: Event) -> None:
        if self._quiet and not isinstance(event, events.Ended):
            return
        lines = [event.line()]
        if isinstance(event, events.Ended):
            lines += [] if self._quiet else event.patch.splitlines()
            lines += [f"{label}: {text}" for label, text in places(event.result)]
        for line in lines:
            if line:
                print(line, file=self._stream, flush=True)


class LiveScreen:
    """Rich text with a spinner that says what is being waited for."""

    def __init__(self, stream: IO[str]):
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._status = self._console.status("checking the request")

    def __enter__(self) -> LiveScreen:
        self._status.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._status.stop()

    def __call__(self, event: Event) -> None:
        show = getattr(self, f"_{type(event).__name__.lower()}", None)
        if show:
            show(event)

    def _started(self, event: events.Started) -> None:
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim")
        grid.add_column()
        limit = f", at most {event.step_limit} steps" if event.step_limit else ""
        for name, value in (
            ("model", f"[bold]{_safe(event.slm)}[/] [dim]{_safe(event.model)}[/]"),
            ("host", f"{event.host} [dim]{_safe(event.host_reason)}{limit}[/]"),
            ("repo", _safe(event.repository)),
        ):
            grid.add_row(name, value)
        self._console.print(grid)
        self._console.print()

    def _note(self, event: events.Note) -> None:
        self._console.print(f"[yellow]·[/] [dim]{_safe(event.text)}[/]")

    def _stage(self, event: events.Stage) -> None:
        self._status.update(f"{event.name}: {_safe(event.text)}")

    def _asked(self, event: events.Asked) -> None:
        self._status.update(f"step {event.step}: the model thinks")

    def _routed(self, event: events.Routed) -> None:
        why = f": {event.why}" if event.why else ""
        self._console.print(
            f"[bold cyan]{event.step:>3}[/] [yellow]{_safe(event.before)} → {_safe(event.provider)}[/] "
            f"[dim]{_safe(event.cause + why)}[/]"
        )

    def _called(self, event: events.Called) -> None:
        width = max(30, self._console.width - 40)
        shown = short_arguments(event.arguments, width)
        speed = (
            f" [dim]{event.tokens_out / event.seconds:.0f} tokens/s[/]" if event.tokens_out and event.seconds else ""
        )
        self._console.print(f"[bold cyan]{event.step:>3}[/] [bold]{_safe(event.tool)}[/] {_safe(shown)}{speed}")
        self._status.update(f"step {event.step}: {_safe(event.tool)} runs")

    def _observed(self, event: events.Observed) -> None:
        good = event.returncode == 0
        width = max(30, self._console.width - 8)
        text = event.summary if len(event.summary) <= width else event.summary[: width - 1] + "…"
        self._console.print(f"    [{'green' if good else 'red'}]{'✓' if good else '✗'}[/] {_safe(text)}")

    def _rejected(self, event: events.Rejected) -> None:
        self._console.print(f"[bold cyan]{event.step:>3}[/] [magenta]asked again:[/] {_safe(event.message)}")

    def _ended(self, event: events.Ended) -> None:
        from rich.syntax import Syntax

        self._status.stop()
        if event.patch:
            lines = event.patch.splitlines()
            shown = "\n".join(_printable(line) for line in lines[:_PATCH_LINES])
            self._console.print()
            self._console.print(Syntax(shown, "diff", theme="ansi_dark", background_color="default"))
            if len(lines) > _PATCH_LINES:
                self._console.print(f"[dim]… {len(lines) - _PATCH_LINES} more lines in the patch file[/]")
        colour = {True: "green", False: "red", None: "yellow"}[event.result["resolved"]]
        self._console.print()
        self._console.print(f"[bold {colour}]{_safe(event.line())}[/]")
        for label, text in places(event.result):
            self._console.print(f"[dim]{label:<10}[/] {_safe(text)}")


def places(result: dict) -> list[tuple[str, str]]:
    """Where things are, and what else is worth a last line."""
    rows = [
        ("why", result["message"]),
        ("patch", result["patch_path"]),
        ("trajectory", result["trajectory_path"]),
        ("calls", result["calls_path"]),
    ]
    if result["applied"]:
        rows.append(("applied", "the patch is in the checkout"))
    return [(label, text) for label, text in rows if text]


def _safe(text: str) -> str:
    """Text of a model or a repository: no markup, and no control characters that would drive the terminal."""
    from rich.markup import escape

    return escape(_printable(text))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else "�" for c in text)
