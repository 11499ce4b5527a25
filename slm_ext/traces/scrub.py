"""Keeps secrets and home folders out of records: known values, keys of known shape, headers, `/home/NAME`.

What a key looks like is known by bc-detect-secrets, the maintained fork of Yelp's detect-secrets. Used are those of its
detectors that know a key by its own looks. Its entropy and keyword detectors see secrets in hashes and ordinary code,
that of `user:password@` in every example; those of Artifactory, Azure, Cloudant, IBM and Softlayer judge by the words
around a value. The patterns here are for what it lacks: keys of further shapes, and values that only their place tells,
such as `Authorization: Basic …`, `https://user:password@` or `MY_TOKEN=…`. Those are hidden where they look made up, so
that code which only names a secret stays as it is.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from slm_ext.traces.places import NAMES, PLACES

__all__ = ["Scrubber"]

_FIELDS = {"api_key", "apikey", "x-api-key", "authorization", "proxy-authorization", "password"}
_LONG_FIELDS = {
    "token", "access_token", "refresh_token", "client_secret", "secret", "api-key", "cookie", "set-cookie",
    "secretaccesskey", "secret_access_key",
}  # fmt: skip
"""Fields that hold a secret where it is a text of some length."""
_SHORTEST, _SHORTEST_GIVEN, _SHORTEST_SHAPE = 8, 4, 7
"""Characters of a secret: in the environment, given, and with what makes it known by its looks (`://:ab@`)."""
_PLACEHOLDERS = {"dummy", "empty", "none", "ollama", "lm-studio", "lmstudio", "not-needed", "local"}
"""Keys people write for servers that want none; hiding them would hide ordinary words."""
_PASSES = 5
"""How often a text is gone over at most. The second pass finds something only where the first one's marks have brought
two words closer together."""

_DETECTORS = {
    "aws": "AWSKeyDetector",
    "discord": "DiscordBotTokenDetector",
    "github_token": "GitHubTokenDetector",
    "jwt": "JwtTokenDetector",
    "mailchimp": "MailchimpDetector",
    "npm": "NpmDetector",
    "sendgrid": "SendGridDetector",
    "slack": "SlackDetector",
    "square_oauth": "SquareOAuthDetector",
    "stripe": "StripeDetector",
    "twilio": "TwilioKeyDetector",
}
"""Module in `detect_secrets.plugins` → its detector."""
_SHAPES = (
    r"sk-(?=[\w-]*[A-Za-z0-9]{16})[\w-]{16,}",  # OpenAI, Anthropic, OpenRouter; not the CSS classes of scikit-learn
    r"github_pat_\w{30,}",
    r"hf_[A-Za-z0-9]{30,}",
    r"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-[\w-]{20,}",
    r"AIza[\w-]{35}",
    r"pypi-AgE[\w-]{50,}",
    r"sk-lf-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",  # Langfuse
    *(rf"{begin}(?=[A-Za-z]*\d)[A-Za-z0-9]{{20,}}" for begin in ("gsk_", "xai-", "pplx-", "fw_")),
    r"r8_[A-Za-z0-9]{30,}",  # Replicate
    *(rf"{begin}(?=[\w-]*\d)[\w-]{{20,}}" for begin in ("nvapi-", "dckr_pat_", "GOCSPX-", r"hv[bs]\.")),
    r"ya29\.(?:[a-z]\.)?(?=[\w-]*\d)[\w-]{20,}",
    r"do[opr]_v1_[0-9a-f]{40,}",  # DigitalOcean
    r"dapi[0-9a-f]{32}",  # Databricks
    *(rf"{begin}[0-9]{{7,9}}:[\w-]{{35}}(?![\w-])" for begin in ("[0-9]", "bot[0-9]")),  # Telegram
)
_WORD = r"(?:(?<![\w-])|(?<=\\[bfnrt])|(?<=%[0-9A-F]{2}))"
"""Where a word begins, in JSON (`\\nword`) and in URLs (`%20word`) too."""
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----BEGIN)[\w+/=\s\\:,.\"'|-]){0,9000}?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:(?:\\+[nr]|[^A-Za-z+/=\\]){1,40}[A-Za-z0-9+/=]{40,})+)"  # cut off, or with line numbers
)
_KEY_BODY = re.compile(r"[A-Za-z0-9+/]{20}")
_GIT_HASH = re.compile(r"[0-9a-f]{40}")

_NAME = r"\w(?:[\w.-]*\w)?"
_BEGINS = r"(?:(?<![\w.~/\\<})\]*%?$#-]/)|(?<=\\[nrt]/)|(?<=\s-[A-Za-z]/)|(?<=:///))"
"""After the first slash: a path begins with it, so it is no part of `src/home/x`, `{base}/root` or `</root>`."""
_WINDOWS = re.compile(
    r"(?:(?<!\w)|(?<=\\[nrt]))[A-Za-z]:(?:\\+|/)[Uu]sers(?:\\+|/)"
    rf"(?:\w[\w.-]*(?: [\w.-]+){{0,2}}(?=[\\/])|{_NAME})"
)


class Scrubber:
    """Replaces secrets by `[secret]` and home folders by `~` in any JSON-like value.

    Args:
        secrets: values to hide wherever they occur (the provider's key, the server's token). Placeholders such as
            `dummy` or `ollama` and values under 4 characters are no secrets.
        environ: variables whose name says secret (`*_API_KEY`, `*_TOKEN`…) have their values hidden as well; values
            shorter than 8 characters or of letters only are left alone, since they would hit ordinary words. A key
            read from the environment later on must be given in `secrets`.
        home: the user's home folder; None: of who runs this. `/home/NAME`, `/Users/NAME` and `C:\\Users\\NAME` are home
            folders whoever runs this.

    Scrubbing what is scrubbed changes nothing. The detectors are imported with the first text.
    """

    mark = "[secret]"

    def __init__(
        self,
        secrets: Iterable[str | None] = (),
        *,
        environ: Mapping[str, str] | None = None,
        home: Path | str | None = None,
    ):
        environ = os.environ if environ is None else environ
        self._known: list[str] = []
        for value in (v for k, v in environ.items() if NAMES.search(k)):
            if len(value) >= _SHORTEST and not value.isalpha():
                self.add(value)
        for value in secrets:
            self.add(value)
        self._homes = _homes(home)
        self._home = _home_pattern(self._homes)

    def add(self, secret: str | None) -> None:
        """Hide one more value from now on."""
        if not secret or secret in self._known or secret in self.mark:
            return
        if len(secret) >= _SHORTEST_GIVEN and secret.lower() not in _PLACEHOLDERS:
            in_json = {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
            self._known = sorted({*self._known, secret, *in_json}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets and home folders."""
        if len(text) < _SHORTEST_GIVEN:
            return text
        for _ in range(_PASSES):
            before, text = text, self._without_homes(self._without_keys(text))
            if text == before:
                break
        return text

    def value(self, value: Any) -> Any:
        """A copy of a JSON-like value without secrets and home folders, in keys, values and fields such as
        `authorization`. Entries whose keys become the same are told apart by a number."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            copy: dict[str, Any] = {}
            for k, v in value.items():
                copy[_unused(self.text(str(k)), copy)] = self.mark if _is_field(str(k), v, value) else self.value(v)
            return copy
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value

    def _without_keys(self, text: str) -> str:
        for value in self._known:
            text = text.replace(value, self.mark)
        if len(text) < _SHORTEST_SHAPE:
            return text
        tokens, assigned = _detectors()
        if "PRIVATE KEY" in text:
            text = _PRIVATE_KEY.sub(self._private_key, text)
        text = tokens.sub(self._token, text)
        small = text.lower()
        if "aws" in small:
            for pattern in assigned:
                text = pattern.sub(self._assigned, text)
        text = "\n" + text  # a line begins with a line feed
        for words, pattern, is_secret in PLACES:
            if any(word in small for word in words):
                text = pattern.sub(lambda match, judge=is_secret: self._placed(match, judge), text)
        return text[1:]

    def _without_homes(self, text: str) -> str:
        if "/home/" in text or "sers" in text or any(home in text for home in self._homes):
            text = self._home.sub("~", _WINDOWS.sub("~", text))
        return text

    def _private_key(self, match: re.Match[str]) -> str:
        """Code that only names the first and the last line of a key holds none."""
        return self.mark if _KEY_BODY.search(match[0]) else match[0]

    def _token(self, match: re.Match[str]) -> str:
        return match[0] if match.lastgroup == "jwt" and not _is_jwt(match[0]) else self.mark

    def _assigned(self, match: re.Match[str]) -> str:
        """A value known by the name before it; a git hash is none."""
        return match[0] if _GIT_HASH.fullmatch(match[1]) else self._hidden(match, 1)

    def _placed(self, match: re.Match[str], is_secret: Callable[[re.Match[str]], object]) -> str:
        return self._hidden(match, "secret") if is_secret(match) else match[0]

    def _hidden(self, match: re.Match[str], group: int | str) -> str:
        begin, end = (place - match.start() for place in match.span(group))
        return match[0][:begin] + self.mark + match[0][end:]


def _is_field(name: str, value: Any, beside: Mapping) -> bool:
    """Whether the field of an object is a secret; `token` beside `logprob` is a piece of the model's text."""
    if not value or not isinstance(value, str):
        return False
    name = name.lower()
    return name in _FIELDS or (name in _LONG_FIELDS and len(value) >= _SHORTEST and "logprob" not in beside)


@cache
def _detectors() -> tuple[re.Pattern[str], list[re.Pattern[str]]]:
    """(keys that are words of their own, values known by the name before them: group 1).

    The former are one pattern that begins at the start of a word, so that a text is gone over once; by themselves some
    take seconds for a text made of their first letters. A key ends with its word.
    """
    shown = warnings.showwarning
    found = {name: _denylist(name) for name in _DETECTORS}
    if warnings.showwarning is not shown:
        logging.captureWarnings(False)  # the package turns it on for the whole process
    aws_id, *assigned = found.pop("aws")
    jwt = "|".join(_inline(pattern) for pattern in found.pop("jwt"))
    tokens = [aws_id, *(pattern for patterns in found.values() for pattern in patterns)]
    shapes = [f"(?P<jwt>{jwt})", *map(_inline, tokens), *_SHAPES]
    return re.compile(rf"{_WORD}(?:{'|'.join(shapes)})[\w-]*"), assigned


def _denylist(name: str) -> list[re.Pattern[str]]:
    return list(getattr(importlib.import_module(f"detect_secrets.plugins.{name}"), _DETECTORS[name]).denylist)


def _inline(pattern: re.Pattern[str]) -> str:
    """The pattern as a part of a longer one, which knows where a word begins; its flags with it."""
    flags = ("i" if pattern.flags & re.IGNORECASE else "") + ("x" if pattern.flags & re.VERBOSE else "")
    bare = pattern.pattern.removeprefix(r"\b")
    return f"(?{flags}:{bare})"


def _is_jwt(text: str) -> bool:
    """Whether head and payload can be decoded; else it is base64 of another kind, and the code behind it."""
    detector = getattr(importlib.import_module("detect_secrets.plugins.jwt"), _DETECTORS["jwt"])
    return detector.is_formally_valid(".".join(text.split(".")[:2]))


def _homes(home: Path | str | None) -> list[str]:
    """The home folder as it may be written, the longest first; the root of a disk is none."""
    try:
        place = Path.home() if home is None else Path(home)
        places = {place, place.resolve()}
    except (OSError, RuntimeError):  # nobody's home
        return []
    return sorted((str(p) for p in places if p.is_absolute() and p.parent != p), key=len, reverse=True)


def _home_pattern(homes: list[str]) -> re.Pattern[str]:
    own = [rf"{re.escape(home[1:])}(?!\.?[\w-])" for home in homes if home.startswith("/")]
    shapes = [*own, rf"(?:home|(?:(?:mnt/)?[a-z]/)?Users)/{_NAME}"]
    return re.compile(rf"/{_BEGINS}(?:{'|'.join(shapes)})")


def _unused(key: str, entries: dict[str, Any]) -> str:
    number, free = 1, key
    while free in entries:
        number += 1
        free = f"{key} ({number})"
    return free
