"""Secrets that only their place tells: `Authorization: Basic …`, `https://user:password@`, `MY_TOKEN=…`.

A value is one where it looks made up, so that code which only names a secret stays as it is.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

__all__ = ["NAMES", "PLACES"]

NAMES = re.compile(r"(?i)(_|^)(API_?KEY|ACCESS_?KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(_|$)")
"""Of variables that hold a secret."""
_EXAMPLES = {"changeme", "passwd", "password", "secret", "token", "user", "username", "your-password", "your_password"}
"""Passwords of examples."""
_CODE = re.compile(r"[A-Za-z]*\d{0,2}(?:[_.-][A-Za-z]*\d{0,2})*")
"""Names as code has them, such as `self.token_v2`."""
_LOWER_WORD = re.compile(r"[a-z-]+")
_LINE_END = re.compile(r"[ \t]*(?:[\r\n\"'`\\]|#|\Z)")


def _is_made_up(value: str) -> bool:
    """Whether somebody made it up: it has letters, digits or signs, and is unlike a name in code or a path."""
    if value.startswith(("/", "~/", "./")) or "://" in value or _is_example(value) or _CODE.fullmatch(value):
        return False
    return any(c.isalpha() for c in value) and any(c.isdigit() or c in "!?@%^*~" for c in value)


def _is_example(value: str) -> bool:
    """Whether it stands for a password, as in `user:password`, `$USER:$PASSWORD` or `%s:%s`."""
    small = value.lower()
    return small in _EXAMPLES or value.startswith(("$", "%s", "%(")) or not any(c.isalnum() for c in value)


def _is_credentials(match: re.Match[str]) -> bool:
    """A token has digits, `Bearer resource_metadata=` has none; `user:password` of HTTP is base64."""
    value = match["secret"]
    if not match["basic"]:
        return len(value) >= 16 and any(c.isdigit() for c in value)
    if "authorization" in match.string[max(0, match.start() - 24) : match.start()].lower() and _is_made_up(value):
        return True
    try:
        said = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except ValueError:
        return False
    return ":" in said and said.isprintable()


def _is_url_password(match: re.Match[str]) -> bool:
    """Examples of web addresses have words for passwords."""
    value = match["secret"]
    if _is_example(value):
        return False
    if not _is_web(match) or match["user"] == "x-access-token":
        return True
    return any(c.isalpha() for c in value) and any(not c.isalpha() and c not in "_-." for c in value)


def _is_url_token(match: re.Match[str]) -> bool:
    return _is_web(match) and _is_made_up(match["secret"])


def _is_web(match: re.Match[str]) -> bool:
    return match.string[max(0, match.start() - 5) : match.start()].lower().endswith(("http", "https"))


def _is_of_curl(match: re.Match[str]) -> bool:
    command = re.split(r"[\n;|&]", match.string[max(0, match.start() - 300) : match.start()])[-1]
    return "curl" in command and not _is_example(match["secret"])


def _is_placed(match: re.Match[str]) -> bool:
    return _is_made_up(match["secret"])


def _is_assigned(match: re.Match[str]) -> bool:
    """A literal after a name that says secret. In a shell a word is a literal, elsewhere it may be a name."""
    name, value = match["name"], match["secret"]
    if not NAMES.search(name) or value.endswith(","):
        return False
    if not (name.isupper() and match["sign"] == "=") and not _LINE_END.match(match.string, match.end()):
        return False
    word = name.isupper() and _LOWER_WORD.fullmatch(value) and not _is_example(value)
    return bool(word) or _is_made_up(value)


_WORDS = ("key", "token", "secret", "passw", "credential", "cookie")
_FIELD_NAMES = (
    r"(?:(?:access|refresh|auth|session|id)[_-]?)?token|(?:client[_-]?)?secret|(?:x-)?api[_-]?key|(?:set-)?cookie"
    r"|secret_?access_?key|password"
)
PLACES: tuple[tuple[tuple[str, ...], re.Pattern[str], Callable[[re.Match[str]], object]], ...] = (
    (
        ("bearer ", "basic "),
        re.compile(r"[Bb](?:[Ee][Aa][Rr][Ee][Rr]|(?P<basic>[Aa][Ss][Ii][Cc])) +(?P<secret>[\w.~+/=-]{8,})"),
        _is_credentials,
    ),
    (
        ("x-api-key", "x-auth-token", "x-goog-api-key"),
        re.compile(
            r"x-(?:api-key|auth-token|goog-api-key)\\{0,8}[\"']?[ \t]{0,8}[:=][ \t]{0,8}\\{0,8}[\"']?"
            r"(?P<secret>[\w.~+/=!%-]{8,}+)(?![(\[{$])",
            re.IGNORECASE,
        ),
        _is_placed,
    ),
    (
        ("://",),
        re.compile(r"://(?P<user>[^\s:/?#@\[\]'\"<>]{0,64}):(?P<secret>[^\s/@'\"<>{}\[\]\\]{1,128})@(?!sha256:)"),
        _is_url_password,
    ),
    (("://",), re.compile(r"://(?P<secret>[\w~.%+-]{16,256})(?::(?:x-oauth-basic)?)?@"), _is_url_token),
    (
        ("x-access-token:",),
        re.compile(r"x-access-token:(?P<secret>[^\s/@'\"<>{}\[\]\\$]{4,256})@", re.IGNORECASE),
        lambda match: not _is_example(match["secret"]),
    ),
    (
        ("curl",),
        re.compile(
            r"\s(?:-[A-Za-z]{0,6}[uU]\s{0,4}|--(?:proxy-)?user[ =])\\{0,8}[\"']?[^\s:\"'$\\-][^\s:\"'$\\]{0,63}:"
            r"(?P<secret>[^\s\"'\\{}\[\]<>]{1,128})"
        ),
        _is_of_curl,
    ),
    (
        ("accountkey=", "sharedaccesskey="),
        re.compile(r"(?:account|sharedaccess)key=(?P<secret>[\w+/=%-]{16,})", re.IGNORECASE),
        _is_placed,
    ),
    (
        ("token=", "key=", "secret=", "password=", "sig=", "signature="),
        re.compile(
            rf"[?&](?:{_FIELD_NAMES}|sig|x-amz-signature)=(?P<secret>[^\s&#\"'<>{{}}()\[\]$\\`,;]{{8,512}})",
            re.IGNORECASE,
        ),
        _is_placed,
    ),
    (
        _WORDS,
        re.compile(
            rf"[\"'](?:{_FIELD_NAMES})\\{{0,8}}[\"']\s{{0,8}}:\s{{0,8}}\\{{0,8}}[\"']"
            r"(?P<secret>[^\s\"'\\<>{}()\[\]$]{8,512})",
            re.IGNORECASE,
        ),
        _is_placed,
    ),
    (
        _WORDS,
        re.compile(
            r"[\n\"'`;&\\](?:(?:(?<=\n)|(?<=\\)n)[ \t+-]{0,40}+(?:\d{1,6}(?:[\t|:]|\\t)[ \t]{0,4})?"
            r"|(?<=[\"'`])|(?<=[;&]) )"
            r"(?:(?:export|set|ENV)[ \t]{1,4})?(?P<name>[A-Za-z_]\w{2,80}+)(?P<sign>=|:[ \t]{1,8})"
            r"(?P<quote>\\{0,4}[\"'])?(?P<secret>[^\s\"'`\\<>{}()\[\]$;&|]{8,512}+)(?P=quote)?(?=[\s\"'`\\;&|#)]|\Z)"
        ),
        _is_assigned,
    ),
)
"""(in small letters, what stands in every text that has it; the place, with the group `secret`; whether it is one)."""
