"""The picture of a run in README and docs: `slm run` on a real terminal of its own, its last screen as SVG.

    python scripts/record_demo.py [--demo NAME] [--slm NAME] [--out FILE] [--columns N]

Nothing is drawn by hand: the bytes that the run wrote to its terminal are interpreted by a terminal emulator (pyte) and
rendered by rich. Only the paths of this machine are shortened. A run that does not end resolved writes no picture.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import shlex
import struct
import sys
import tempfile
import termios
from itertools import groupby
from pathlib import Path

from demo import command, prepare

ROOT = Path(__file__).resolve().parent.parent
_LINES = 400  # of the emulated terminal: more than a run writes, so that nothing scrolls away


def main(argv: list[str] | None = None) -> int:
    """Record and write; returns the exit code of the run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", default="inventory")
    parser.add_argument("--slm", default="flywheel-tiny")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "assets" / "demo.svg")
    parser.add_argument("--columns", type=int, default=112)
    flags = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="slm-picture-") as scratch:
        place = prepare(flags.demo, Path(scratch).resolve())
        words = command(flags.demo, ["--host", "mini"], slm=flags.slm)
        code, written = record(words, place, flags.columns)
        typed = shlex.join(["slm", *words[1:-2]])
        text = shortened(written, {str(place): "~/demo", str(Path(sys.prefix)): ".venv", str(ROOT): "~/slm-ext"})
    if code:
        print(text, file=sys.stderr)
        print(f"the run ended with {code}: no picture", file=sys.stderr)
        return code
    flags.out.write_text(picture(text, typed, flags.columns), encoding="utf-8")
    print(f"{flags.out}: {flags.out.stat().st_size / 1000:.0f} kB")
    return 0


def record(words: list[str], folder: Path, columns: int) -> tuple[int, str]:
    """Exit code of a command on a pseudo-terminal of that width, and everything it wrote there."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        wanted = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "MSWEA_SILENT_STARTUP": "1"}
        environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
        os.execvpe(words[0], words, environ | wanted)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    written = bytearray()
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux: the other side is closed
            break
        if not piece:
            break
        written += piece
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), written.decode("utf-8", "replace")


def shortened(text: str, paths: dict[str, str]) -> str:
    """`text` with longer paths replaced first."""
    for path in sorted(paths, key=len, reverse=True):
        text = text.replace(path, paths[path])
    return text


def picture(text: str, typed: str, columns: int) -> str:
    """The last screen of a recording as SVG, below the command that was typed. Fetches nothing when it is shown."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "bold green"), (typed, "bold")), soft_wrap=False)
    for line in lines(text, columns):
        console.print(line, no_wrap=True, crop=True)
    console.print()  # or the frame cuts the descenders of the last line
    svg = console.export_svg(title="slm run", code_format=_frame())
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def lines(text: str, columns: int) -> list:
    """What the terminal shows in the end, one rich Text per line."""
    import pyte
    from rich.text import Text

    screen = pyte.Screen(columns, _LINES)
    pyte.Stream(screen).feed(text.replace("\x1b[2m", "\x1b[90m"))  # pyte knows no faint: grey it is
    shown = []
    for row in range(_LINES):
        line = Text()
        cells = (screen.buffer[row][column] for column in range(columns))
        for style, same in groupby(cells, _style):
            line.append("".join(cell.data for cell in same), style)
        line.rstrip()
        shown.append(line)
    while shown and not shown[-1].plain:
        shown.pop()
    return shown


def _style(cell):
    from rich.color import Color
    from rich.style import Style

    def color(name: str):
        if name == "default":
            return None
        if re.fullmatch("[0-9a-f]{6}", name):
            return Color.parse(f"#{name}")
        bright = name.startswith("bright")
        base = name.removeprefix("bright").replace("brown", "yellow")
        return Color.parse(f"bright_{base}" if bright else base)

    return Style(
        color=color(cell.fg), bgcolor=color(cell.bg), bold=cell.bold or None, italic=cell.italics or None,
        reverse=cell.reverse or None, underline=cell.underscore or None,
    )  # fmt: skip


def _frame() -> str:
    """rich's frame without its web fonts."""
    from rich._export_format import CONSOLE_SVG_FORMAT

    without = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return without.replace("Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono")


if __name__ == "__main__":
    sys.exit(main())
