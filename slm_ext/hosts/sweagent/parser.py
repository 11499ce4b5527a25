"""From a tool call to the one line that SWE-agent types into its shell.

SWE-agent fills a bundle's signature with `shlex.quote`d text and types the result into an interactive bash, where a
newline, a tab or `!` inside an argument is still a key stroke, and a line of the argument can be taken for the end of a
here-document. So calls of our bundles are rendered as one line of plain ASCII; all others go SWE-agent's own way.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from pydantic import PrivateAttr
from sweagent.exceptions import FunctionCallingFormatError
from sweagent.tools.parsing import FunctionCallingParser

from slm_ext.bundles import Bundle, command_line
from slm_ext.toolcalls import Rejection, ToolCall

__all__ = ["REJECTED", "BundleParser", "shell_line"]

REJECTED = "slm_rejection"
"""Key under which `SlmModel` hands a rejected reply on, so that SWE-agent still sees its text."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=+@%")
_CODES = {"no_call": "missing", "empty_reply": "missing", "unknown_tool": "invalid_command"}
_CODES |= {"missing_argument": "missing_arg", "unknown_argument": "unexpected_arg"}


class BundleParser(FunctionCallingParser):
    """`function_calling` for the tools of our bundles.

    It takes the place of the stock parser on the agent's own copy of its tools and keeps that parser's `type`, so what
    is written down loads in stock SWE-agent.
    """

    _bundles: Sequence[Bundle] = PrivateAttr(default=())
    _names: frozenset[str] = PrivateAttr(default=frozenset())

    @classmethod
    def of(cls, stock: FunctionCallingParser, bundles: Sequence[Bundle], names: Sequence[str]) -> BundleParser:
        """The stock parser's settings, for the tools called `names` of `bundles`."""
        parser = cls(**stock.model_dump())
        parser._bundles, parser._names = tuple(bundles), frozenset(names)
        return parser

    def __call__(self, model_response: dict, commands: list[Any], strict: bool = False) -> tuple[str, str]:
        """(thought, line for the shell).

        Raises:
            FunctionCallingFormatError: the reply was rejected, or holds no call that can be rendered.
        """
        rejection: Rejection | None = model_response.get(REJECTED)
        if rejection is not None:
            raise FunctionCallingFormatError(
                rejection.text() or f"error {rejection.rule}",
                _CODES.get(rejection.rule, "invalid_json"),  # type: ignore[arg-type]
                rule=rejection.rule,
            )
        calls = model_response.get("tool_calls") or []
        if len(calls) != 1 or calls[0]["function"]["name"] not in self._names:
            return super().__call__(model_response, commands, strict)
        return model_response["message"], shell_line(self._call(calls[0]), self._bundles)

    def _call(self, call: dict) -> ToolCall:
        arguments = call["function"]["arguments"]
        try:
            values = json.loads(arguments) if isinstance(arguments, str) else arguments
        except ValueError as error:
            raise FunctionCallingFormatError(f"the arguments are not valid JSON: {error}", "invalid_json") from None
        if not isinstance(values, dict):
            seen = type(values).__name__
            raise FunctionCallingFormatError(f"the arguments are a {seen}, not an object", "invalid_json")
        return ToolCall(id=call.get("id") or "call_1", name=call["function"]["name"], arguments=values)


def shell_line(call: ToolCall, bundles: Sequence[Bundle]) -> str:
    """The command of `slm_ext.bundles.command_line` with every word in a form that survives being typed.

    Raises:
        FunctionCallingFormatError: an argument holds a NUL character, which no process can be given.
    """
    try:
        words = shlex.split(command_line(call, list(bundles)))
    except ValueError as error:
        raise FunctionCallingFormatError(f"the arguments cannot be passed on: {error}", "invalid_json") from None
    if any("\0" in word for word in words):
        raise FunctionCallingFormatError("an argument holds a NUL character", "invalid_json")
    return " ".join(_typed(word) for word in words)


def _typed(word: str) -> str:
    """A word as bash reads it back: bare where nothing is special, else `$'…'` with octal escapes."""
    if word and all(character in _PLAIN for character in word):
        return word
    parts = [
        character if character in _PLAIN or character in " <>()[]{}" else "".join(f"\\{byte:03o}" for byte in _utf8(character))
        for character in word
    ]
    return "$'" + "".join(parts) + "'"


def _utf8(character: str) -> bytes:
    return character.encode("utf-8", "surrogateescape")
