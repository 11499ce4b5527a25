"""The conversation as it is sent. Pure: the host's history is not touched.

Whatever a host's history looks like, what leaves here is `[system] user (assistant (tool… | user))…`, ending with the
user's or a tool's turn: the sequence that strict chat templates insist on. Contents are texts, arguments are JSON
objects as text, each call has its result. Applying it twice changes nothing more.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from slm_ext.toolcalls.call import ToolCall
from slm_ext.toolcalls.formats import WireFormat, wire_format

__all__ = ["in_text", "outgoing", "restore_rejected", "settled", "with_note", "with_system"]

GO_ON = "Go on."
START = "Start."
_NOT_SHOWN = "(something that is not text was left out here)"


def outgoing(messages: list[dict]) -> list[dict]:
    """The view of a native tool-calling model.

    Neighbouring user messages are joined; a user's message after a tool's result is appended to that result. A user's
    message that follows a call without result becomes the call's result: it is what the host had to say about it.
    Calls that nobody answered, or whose arguments cannot be sent, become text.
    """
    return _alternate(_paired([_plain(message) for message in messages]))


def settled(messages: list[dict]) -> bool:
    """Whether `outgoing` gives these very messages back; True only where that is plain to see."""
    before: str | None = None
    waiting: list[str] = []
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if role not in _AFTER or before not in _AFTER[role] or not isinstance(content, str):
            return False
        if (role == "tool") != bool(waiting) or _sendable(content) is not content:
            return False
        if role == "tool":
            if message.get("tool_call_id") != waiting.pop(0) or len(message) != 3:
                return False
        elif len(message) == 3 and role == "assistant":
            waiting = [call["id"] for call in message.get("tool_calls") or () if _is_sent(call)]
            if not waiting or len(set(waiting)) != len(message["tool_calls"]):
                return False
        elif len(message) != 2:
            return False
        before = role
    return not waiting and before in ("user", "tool")


_AFTER: dict[Any, tuple[str | None, ...]] = {
    "system": (None,),
    "user": (None, "system", "assistant"),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}
"""Role → what it may follow."""


def _is_sent(call: Any) -> bool:
    """Whether a call is written as it is sent."""
    return isinstance(call, dict) and bool(call.get("id")) and _call(call) == call


def in_text(messages: list[dict], tools: list[dict], wire: WireFormat) -> list[dict]:
    """The same conversation without native tool calls: tools in the system prompt, calls and results as text.

    Args:
        messages: as `outgoing` gives them.
        tools: shown to the model in the system prompt.
        wire: how calls are written.
    """
    result = []
    for message in messages:
        if message["role"] == "tool":
            content = f"<tool_response>\n{message['content']}\n</tool_response>"
            result.append({"role": "user", "content": content})
        elif message.get("tool_calls"):
            result.append({"role": "assistant", "content": _with_text(message, message["tool_calls"], wire)})
        else:
            result.append(message)
    if tools:
        system = result.pop(0)["content"] + "\n\n" if result and result[0]["role"] == "system" else ""
        result.insert(0, {"role": "system", "content": system + wire.instructions(tools)})
    return _alternate(result)


def restore_rejected(messages: list[dict], rejected: list[dict]) -> list[dict]:
    """Put calls that were rejected back where the host kept the text of the reply alone.

    Args:
        messages: the host's history.
        rejected: assistant messages of all rejections of this conversation, oldest first. A host may have dropped
            some of them.
    """
    result, left = list(messages), list(rejected)
    for i in range(len(result) - 1, -1, -1):
        message = result[i]
        if message.get("role") != "assistant" or message.get("tool_calls"):
            continue
        said = _text(message.get("content")).strip()
        at = next((k for k in range(len(left) - 1, -1, -1) if left[k]["content"].strip() == said), None)
        if at is not None:
            result[i] = left[at]
            del left[at:]
    return result


def with_system(messages: list[dict], text: str | None) -> list[dict]:
    """The conversation with another system text; None leaves it as it is."""
    if text is None:
        return messages
    rest = messages[1:] if messages and messages[0]["role"] == "system" else messages
    return [{"role": "system", "content": text}, *rest]


def with_note(messages: list[dict], note: str) -> list[dict]:
    """The conversation with `note` at the end of its last message, so that all before keeps its prefix."""
    *before, last = messages
    return [*before, last | {"content": "\n\n".join(part for part in (last["content"], note) if part)}]


def _plain(message: dict) -> dict:
    role, content = message.get("role"), _text(message.get("content"))
    if role in ("system", "developer"):
        return {"role": "system", "content": content}
    if role == "tool":
        return {"role": "tool", "tool_call_id": _tool_call_id(message), "content": content}
    if role != "assistant":
        return {"role": "user", "content": content}
    plain: dict[str, Any] = {"role": "assistant", "content": content}
    calls = [_call(call) for call in message.get("tool_calls") or []]
    unreadable = [call for call in calls if "raw" in call]
    if unreadable:
        plain["content"] = "\n".join(part for part in (content, *(call["raw"] for call in unreadable)) if part)
    calls = [call for call in calls if "raw" not in call]
    return plain | {"tool_calls": calls} if calls else plain


def _call(call: dict) -> dict:
    """The call with its arguments as a JSON object's text, or `{"raw": text}`: one bad text in a history, and
    mlx_lm.server refuses the whole conversation for ever."""
    function = call.get("function") or {}
    name, arguments = function.get("name") or "", function.get("arguments")
    if isinstance(arguments, dict):
        arguments = json.dumps(arguments, ensure_ascii=False)
    text = _object_text(arguments or "{}") if isinstance(arguments or "{}", str) else None
    if not name or text is None:
        return {"raw": f"{name} {arguments}".strip()}
    return {"id": call.get("id") or "", "type": "function", "function": {"name": name, "arguments": text}}


@lru_cache(maxsize=2048)
def _object_text(arguments: str) -> str | None:
    """The arguments as they can be sent; None where they are no JSON object. A history comes again at every step."""
    try:
        decoded = json.loads(arguments)
    except ValueError:
        return None
    return _sendable(arguments) if isinstance(decoded, dict) else None


def _paired(messages: list[dict]) -> list[dict]:
    result: list[dict] = []
    i = 0
    while i < len(messages):
        message = messages[i]
        i += 1
        if message["role"] == "tool":  # no call before it
            result.append({"role": "user", "content": message["content"]})
            continue
        calls = message.get("tool_calls")
        if not calls:
            result.append(message)
            continue
        answers = []
        while i < len(messages) and messages[i]["role"] == "tool":
            answers.append(messages[i])
            i += 1
        if not answers and i < len(messages) and messages[i]["role"] == "user":
            answers.append({"role": "tool", "tool_call_id": calls[0]["id"], "content": messages[i]["content"]})
            i += 1
        result += _matched(message, calls, answers)
    return result


def _matched(message: dict, calls: list[dict], answers: list[dict]) -> list[dict]:
    left, kept, results, stray = list(answers), [], [], []
    for call in calls:
        answer = next((a for a in left if a["tool_call_id"] == call["id"]), None)
        if answer is None and len(calls) == len(answers) == 1:
            answer = left[0]
        if answer is not None:
            left.remove(answer)
            kept.append(call)
            results.append(answer | {"tool_call_id": call["id"]})
    stray = [{"role": "user", "content": answer["content"]} for answer in left]
    if not kept:
        return [{"role": "assistant", "content": _with_text(message, calls)}, *stray]
    unanswered = [call for call in calls if call not in kept]
    content = _with_text(message, unanswered) if unanswered else message["content"]
    return [message | {"content": content, "tool_calls": kept}, *results, *stray]


def _alternate(messages: list[dict]) -> list[dict]:
    result: list[dict] = []
    for message in messages:
        last = result[-1] if result else None
        role = message["role"]
        if role == "system" and last is not None and last["role"] != "system":
            role = "user"
            message = {"role": "user", "content": message["content"]}
        if last is not None and (role == last["role"] != "tool" or (role == "user" and last["role"] == "tool")):
            if role == "assistant" and last.get("tool_calls"):
                result.append({"role": "user", "content": GO_ON})
                result.append(message)
                continue
            content = "\n\n".join(part for part in (last["content"], message["content"]) if part)
            result[-1] = last | {k: v for k, v in message.items() if k == "tool_calls"} | {"content": content}
            continue
        if role == "assistant" and (last is None or last["role"] == "system"):
            result.append({"role": "user", "content": START})
        result.append(message)
    if not result or result[-1]["role"] in ("assistant", "system"):
        result.append({"role": "user", "content": GO_ON if result and result[-1]["role"] == "assistant" else START})
    return result


def _with_text(message: dict, calls: list[dict], wire: WireFormat | None = None) -> str:
    wire, rendered = wire or wire_format("qwen3_coder"), []
    for call in calls:
        function = call["function"]
        arguments = json.loads(function["arguments"])
        rendered.append(wire.render(ToolCall(id="", name=function["name"], arguments=arguments)))
    return "\n".join(part for part in (message["content"], *rendered) if part)


def _tool_call_id(message: dict) -> str:
    ids = message.get("tool_call_ids")  # SWE-agent's name for it
    return message.get("tool_call_id") or (ids[0] if isinstance(ids, list) and ids else "")


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, list):
        content = "".join(part if isinstance(part, str) else part.get("text", _NOT_SHOWN) for part in content)
    return _sendable(str(content))


def _sendable(text: str) -> str:
    """Half a surrogate, as output that is no UTF-8 is decoded with, cannot be sent; it becomes a question mark."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text  # the same object: its hash is known, and caches find it at once
