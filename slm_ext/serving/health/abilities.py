"""What an endpoint is seen to do: a tool call, an answer by a JSON schema, a prompt as long as the entry allows."""

from __future__ import annotations

import json
import re
from typing import Any

from .. import probe
from . import advice
from .endpoint import Endpoint
from .report import Found, HealthReport

__all__ = ["json_schema", "long_prompt", "notice_thinking", "tool_call", "tools_wanted"]

CALL_TOKENS = 1024
"""For the reply with the call: models that think before it need some."""
DRAWS = 2
PATIENCE = 6
"""A whole reply may take so many times as long as a token."""
CALIBRATION_WORDS = 200
TOLERANCE = 0.9
"""A prompt of which the server counts less than this part was cut."""

_PATH = {"type": "string", "enum": ["README.md"]}
_FUNCTION = {
    "name": "read_file",
    "description": "Read one file.",
    "parameters": {"type": "object", "properties": {"path": _PATH}, "required": ["path"]},
}
_ANSWER = {
    "type": "object",
    "properties": {"blue": {"type": "boolean"}},
    "required": ["blue"],
    "additionalProperties": False,
}
_THINKING = re.compile(r"<\|?think")


def tools_wanted(provider) -> bool:
    """Whether runs send this provider `tools` and expect calls back."""
    return provider.tool_mode == "native" and provider.capabilities.native_tools is not False


def tool_call(endpoint: Endpoint) -> None:
    """One tool call, asked for as a run would: our own engine with `constraints` has to make one, all others may.

    Raises:
        Found: no_tool_calls.
    """
    provider, report = endpoint.provider, endpoint.report
    report.tool_call_ok = False
    problem = message = ""
    for _ in range(DRAWS):
        reply = endpoint.chat(
            "Call read_file with path README.md.",
            limit=min(provider.max_output_tokens, CALL_TOKENS),
            timeout_s=PATIENCE * endpoint.timeout_s,
            **_call_fields(provider),
        )
        if reply.status != 200:
            if reply.status >= 429 and "tool" not in reply.message.lower():
                raise endpoint.unexpected(reply)
            message = reply.message
            problem = f"HTTP {reply.status}: {message}"
            break
        notice_thinking(report, reply)
        if not (problem := _call_problem(reply)):
            report.tool_call_ok = True
            report.capabilities.learn("native_tools", True, "a tool call")
            return
    report.capabilities.learn("native_tools", False, "a tool call")
    raise Found("no_tool_calls", problem, advice.tool_calls(provider, message))


def json_schema(endpoint: Endpoint) -> None:
    """Whether `response_format` is kept. The question says nothing of JSON, so only the schema can bring it."""
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": _ANSWER}}
    limit = min(endpoint.provider.max_output_tokens, CALL_TOKENS)
    reply = endpoint.chat(
        "Is the sky blue?", limit=limit, timeout_s=PATIENCE * endpoint.timeout_s, response_format=form
    )
    notice_thinking(endpoint.report, reply)
    try:
        value = json.loads(_message(reply).get("content") or "")
    except (ValueError, TypeError):
        value = None
    kept = isinstance(value, dict) and list(value) == ["blue"] and isinstance(value["blue"], bool)
    endpoint.report.capabilities.learn("json_schema", kept, "a request with response_format")


def long_prompt(endpoint: Endpoint) -> None:
    """A prompt of the entry's full length: whether the server reads all of it. Some cut prompts without a word.

    Its length is made by a shorter one, whose tokens the server counts. Costs the prefill of both.

    Raises:
        Found: window_too_small.
    """
    provider, report = endpoint.provider, endpoint.report
    limit = provider.prompt_limit
    if limit is None:
        report.notes.append("no prompt limit is declared, so no long prompt was tried")
        return
    base, sample = _counted(endpoint, "a", 1), _counted(endpoint, "b", 1 + CALIBRATION_WORDS)
    if base is None or sample is None or sample <= base:
        report.notes.append("the server does not count the tokens of prompts, so no long prompt was tried")
        return
    per_word = (sample - base) / CALIBRATION_WORDS
    words = int((limit - base) / per_word * 0.98)
    if words <= CALIBRATION_WORDS:
        return
    expected = base + per_word * words
    reply = endpoint.chat(_words("c", words), limit=1, timeout_s=max(provider.timeout_s, endpoint.timeout_s))
    if reply.status in (400, 413, 422):
        raise _too_small(endpoint, f"a prompt of {expected:.0f} tokens is refused: {reply.message}", None)
    if reply.status != 200:
        raise endpoint.unexpected(reply)
    counted = _prompt_tokens(reply)
    if counted is not None and counted < TOLERANCE * expected:
        said = f"of a prompt of {expected:.0f} tokens it read {counted}, and said nothing"
        raise _too_small(endpoint, said, counted)
    report.notes.append(f"a prompt of {expected:.0f} tokens was read whole")


def notice_thinking(report: HealthReport, reply: probe.Reply) -> None:
    """Whether a reply shows that the model thinks before it answers; that it does not shows nothing."""
    message = _message(reply)
    if message.get("reasoning") or message.get("reasoning_content") or _THINKING.match(_text(message).lstrip()):
        report.capabilities.learn("thinking", True, "a reply")


def _call_fields(provider) -> dict[str, Any]:
    fields: dict[str, Any] = {"tools": [{"type": "function", "function": _FUNCTION}]}
    for name in ("temperature", "top_p"):
        if name not in provider.completion_kwargs and getattr(provider, name) is not None:
            fields[name] = getattr(provider, name)
    constraints = provider.constraints_in_effect
    if constraints == "off":
        fields["slm"] = {"constrain": False}
    elif constraints:
        fields |= {"tool_choice": "required", "parallel_tool_calls": False, "slm": {"thought_chars": 0}}
    return fields


def _call_problem(reply: probe.Reply) -> str:
    """Why a reply holds no usable call of `read_file`; empty where it does."""
    message = _message(reply)
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        if _finish(reply) == "length":
            return "the reply was cut off before a tool call; it may think too long"
        text = " ".join(_text(message).split())
        return "no tool call in the answer" + (f": {text[:120]!r}" if text else "")
    try:
        function = calls[0]["function"]
        name, arguments = function["name"], json.loads(function["arguments"])
        if name == _FUNCTION["name"] and isinstance(arguments["path"], str):
            return ""
    except (KeyError, TypeError, ValueError):
        pass
    return f"its tool call cannot be used: {json.dumps(calls[0])[:200]}"


def _words(first: str, number: int) -> str:
    return f"{first}{' ping' * (number - 1)}"  # each begins differently: no prefix is in a cache


def _counted(endpoint: Endpoint, first: str, words: int) -> int | None:
    reply = endpoint.chat(_words(first, words), limit=1)
    if reply.status != 200:
        raise endpoint.unexpected(reply)
    return _prompt_tokens(reply)


def _prompt_tokens(reply: probe.Reply) -> int | None:
    usage = reply.body.get("usage") if isinstance(reply.body, dict) else None
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else None


def _too_small(endpoint: Endpoint, said: str, window: int | None) -> Found:
    provider = endpoint.provider
    endpoint.report.capabilities.learn("window", window, "a long prompt")
    needed = provider.prompt_limit + provider.max_output_tokens
    return Found("window_too_small", said, advice.window(endpoint.server, provider, window or 0, needed))


def _message(reply: probe.Reply) -> dict[str, Any]:
    try:
        message = reply.body["choices"][0]["message"]
    except (KeyError, IndexError, TypeError):
        return {}
    return message if isinstance(message, dict) else {}


def _finish(reply: probe.Reply) -> Any:
    try:
        return reply.body["choices"][0].get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError):
        return None


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""
