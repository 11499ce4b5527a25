"""The snippets of README and docs, and what is done with each of them.

A fence may follow an HTML comment that says how it is checked:

    <!-- check: parse; REASON -->    not executed, because of REASON; flags and names are still checked
    <!-- check: mlx -->              executed where an MLX server and the model are there
    <!-- check: exit N -->           executed, and ends with status N
    <!-- check: install-line -->     is the documented line that installs SWE-agent
    <!-- file: PATH -->              written to PATH for the snippets that follow on the page

Without one it is executed (bash, console, python) or read (yaml, json). The snippets of a page share one folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LANGUAGES", "ROOT", "Snippet", "commands", "matches", "pages", "snippets"]

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"bash", "console", "python", "yaml", "json", "text"}

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!-- (check|file): ([^\n]*?) -->\s*\Z")


@dataclass(frozen=True)
class Snippet:
    """One fence. `check` and `file` are what its comment says, or empty."""

    page: Path
    line: int
    language: str
    flags: str
    body: str
    check: str = ""
    file: str = ""

    @property
    def id(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def kind(self) -> str:
        """The word of `check` before its reason."""
        return self.check.partition(";")[0].strip()

    @property
    def reason(self) -> str:
        return self.check.partition(";")[2].strip()


def pages() -> list[Path]:
    """README and every page of the site."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def snippets(page: Path) -> list[Snippet]:
    """The fences of a page in their order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        comment = _COMMENT.search(before)
        said = {comment[1]: comment[2].strip()} if comment else {}
        language, _, flags = match["info"].strip().partition(" ")
        line = before.count("\n") + 1
        found.append(Snippet(page, line, language, flags, match["body"], said.get("check", ""), said.get("file", "")))
    return found


def commands(body: str) -> list[list[str]]:
    """The words of each simple command in a bash text, without variables set before it and redirections after it."""
    import shlex

    found: list[list[str]] = []
    joined = body.replace("\\\n", " ")
    for line in joined.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for token in [*lexer, ";"]:
            if token and set(token) <= set(";&|()"):
                if words:
                    found.append(words)
                words = []
            else:
                words.append(token)
    return [_plain(words) for words in found if _plain(words)]


def _plain(words: list[str]) -> list[str]:
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words = words[1:]
    for at, word in enumerate(words):
        if set(word) <= set("<>"):
            return words[:at]
    return words


def matches(shown: str, said: str) -> bool:
    """Whether output `said` is what a console snippet shows; `…` stands for anything, alone on a line for any lines."""
    parts = []
    for line in shown.splitlines(keepends=True):
        parts.append(r"(?s:.*)" if line.strip() == "…" else re.escape(line).replace("…", ".*"))
    return re.fullmatch("".join(parts), said) is not None
