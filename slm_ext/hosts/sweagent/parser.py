"""From a tool call to the one line that SWE-agent types into its shell.

The line is the one of `slm_ext.bundles.command_line`, the same as under mini: SWE-agent types it into an interactive
bash and checks it through a here-document, so nothing in an argument may be a key stroke or the end of that document.
Every mistake becomes the one exception that SWE-agent answers with a new query; its stock parser lets some escape.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import PrivateAttr
from sweagent.exceptions import FunctionCallingFormatError
from sweagent.tools.parsing import FunctionCallingParser

from slm_ext.bundles import Bundle, command_line
from slm_ext.errors import BundleError
from slm_ext.toolcalls import Rejection, ToolCall

__all__ = ["REJECTED", "BundleParser"]

REJECTED = "slm_rejection"
"""Key under which `SlmModel` hands a rejected reply on, so that SWE-agent still keeps its text."""

_CODES = {
    "no_call": "missing",
    "empty_reply": "missing",
    "unknown_tool": "invalid_command",
    "missing_argument": "missing_arg",
    "unknown_argument": "unexpected_arg",
}


class BundleParser(FunctionCallingParser):
    """`function_calling` for the tools of our bundles; every other call goes SWE-agent's own way.

    It takes the place of the stock parser on the agent's own copy of its tools and keeps that parser's `type`, so what
    is written down loads in stock SWE-agent.
    """

    _bundles: Sequence[Bundle] = PrivateAttr(default=())
    _names: frozenset[str] = PrivateAttr(default=frozenset())

    @classmethod
    def of(cls, stock: FunctionCallingParser, bundles: Sequence[Bundle], names: Iterable[str]) -> BundleParser:
        """A parser with the stock parser's settings, for the tools called `names` of `bundles`."""
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
            code: Any = _CODES.get(rejection.rule, "invalid_json")
            raise FunctionCallingFormatError(rejection.text(), code, rule=rejection.rule)
        calls = model_response.get("tool_calls") or []
        if len(calls) != 1 or calls[0]["function"]["name"] not in self._names:
            return super().__call__(model_response, commands, strict)
        try:
            return model_response["message"], _typed(command_line(_call(calls[0]), self._bundles))
        except BundleError as error:
            raise FunctionCallingFormatError(f"{error.attempted}: {error.seen}", "unexpected_arg") from None


def _typed(line: str) -> str:
    """The line as SWE-ReX can split it: its bash parser stumbles over ` and $, quoted or not. All are inside JSON."""
    return line.replace("`", "\\u0060").replace("$", "\\u0024")


def _call(call: dict) -> ToolCall:
    arguments = call["function"]["arguments"]
    try:
        values = json.loads(arguments or "{}") if isinstance(arguments, str) else arguments or {}
    except ValueError as error:
        raise FunctionCallingFormatError(f"the arguments are not valid JSON: {error}", "invalid_json") from None
    if not isinstance(values, dict):
        seen = type(values).__name__
        raise FunctionCallingFormatError(f"the arguments are a {seen}, not an object", "invalid_json")
    return ToolCall(id=call.get("id") or "call_1", name=call["function"]["name"], arguments=values)
