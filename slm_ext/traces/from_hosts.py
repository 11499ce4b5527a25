"""From the hosts' own trajectories to conversations: those of runs with us, and stock ones, which know no routes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slm_ext.errors import UsageError
from slm_ext.traces.conversations import ALLOWED, Call, Conversation, Turn, refused

__all__ = ["read_mini", "read_sweagent"]

_FENCED = re.compile(r"```(?:bash|sh|mswea_bash_command)\n(.*?)\n?```", re.DOTALL)


def read_mini(path: Path) -> Conversation:
    """A `.traj.json` of mini-swe-agent.

    Raises:
        UsageError: it is none.
    """
    data = _load(path, "messages", "info")
    info, own = data["info"], data["info"].get("slm") or {}
    return Conversation(
        source=path,
        instance_id=own.get("instance_id") or path.name.removesuffix(".json").removesuffix(".traj"),
        run_id=own.get("run_id") or "",
        host="mini",
        turns=tuple(_mini_turns(data["messages"], (own.get("provider") or {}).get("name"))),
        submitted=bool(info.get("submission")),
        exit_status=info.get("exit_status"),
    )


def read_sweagent(path: Path) -> Conversation:
    """A `.traj` of SWE-agent. It has no tokens of a single call.

    Raises:
        UsageError: it is none.
    """
    data = _load(path, "trajectory", "info")
    info, name = data["info"], _configured(data.get("replay_config"))
    return Conversation(
        source=path,
        instance_id=path.name.removesuffix(".traj"),
        run_id="",
        host="sweagent",
        turns=tuple(_sweagent_turns(data["trajectory"], data.get("history") or [], name)),
        submitted=bool(info.get("submission")),
        exit_status=info.get("exit_status"),
    )


def _mini_turns(messages: list[dict], provider: str | None) -> Iterator[Turn]:
    before: list[dict] = []
    step, attempt = 1, 1
    for message in messages:
        role, extra = message.get("role"), message.get("extra") or {}
        if role == "exit":
            continue
        plain = _plain(message)
        if role != "assistant":
            before.append(plain)
            continue
        own, response = extra.get("slm") or {}, extra.get("response") or {}
        actions = extra.get("actions") or []
        if not plain.get("tool_calls"):
            plain |= _calls_of(actions, plain["content"])
        usage = own.get("usage") or _usage(response)
        taken = bool(actions if own else plain.get("tool_calls"))
        call = Call(
            status="ok" if taken else "rejected",
            provider=(own.get("route") or {}).get("provider") or provider,
            model=response.get("model") if isinstance(response, dict) else None,
            prompt_tokens=usage.get("in"),
            cached_tokens=usage.get("cached"),
            reply_tokens=usage.get("out"),
            seconds=usage.get("latency_s"),
            ended_at=extra.get("timestamp"),
            route=own.get("route"),
            context=own.get("context"),
            **_taken(plain if taken else {}),
        )
        yield Turn(step, attempt, tuple(before), (call,))
        before.append(plain if taken else refused(plain["content"], plain.get("tool_calls") or []))
        step, attempt = (step + 1, 1) if taken else (step, attempt + 1)


def _sweagent_turns(trajectory: list[dict], history: list[dict], name: str | None) -> Iterator[Turn]:
    before = [_plain(message) for message in (trajectory[0].get("query") or [] if trajectory else [])]
    said = [m for m in history if m.get("role") == "assistant" and not m.get("is_demo") and m.get("action")]
    own_name = name.removeprefix("slm/") if name and name.startswith("slm/") else None
    for step, entry in enumerate(trajectory, start=1):
        action = str(entry.get("action") or "")
        own = (entry.get("extra_info") or {}).get("slm") or {}
        route = own.get("route")
        at = next((i for i, m in enumerate(said) if m.get("action") == entry.get("action")), None)
        calls = (said.pop(at).get("tool_calls") if at is not None else None) or []
        if not calls and action:
            calls = [_shell(action, f"step_{step}")]
        message: dict[str, Any] = {"role": "assistant", "content": _said(entry)}
        if calls:
            message["tool_calls"] = calls
        call = Call(
            status="ok" if calls else "interrupted",
            provider=(route or {}).get("provider") or own_name,
            model=name,
            said="" if calls else _said(entry)[:200],
            prompt_tokens=(route or {}).get("prompt_tokens"),
            seconds=(route or {}).get("latency_s"),
            route=route,
            context=own.get("context"),
            **_taken(message),
        )
        yield Turn(step, 1, tuple(before), (call,))
        before.append(message)
        if calls:
            result = {"role": "tool", "tool_call_id": calls[0].get("id") or "", "content": entry.get("observation")}
            before.append(result | {"content": str(result["content"] or "")})


def _said(entry: dict) -> str:
    return str(entry.get("response") or entry.get("thought") or "")


def _plain(message: dict) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    plain: dict[str, Any] = {"role": str(message.get("role")), "content": "" if content is None else str(content)}
    if message.get("tool_calls"):
        plain["tool_calls"] = message["tool_calls"]
    ids = message.get("tool_call_ids")  # SWE-agent's name for it
    if wanted := message.get("tool_call_id") or (ids[0] if isinstance(ids, list) and ids else None):
        plain["tool_call_id"] = wanted
    return plain


def _calls_of(actions: list[dict], content: str) -> dict[str, Any]:
    """Commands that mini read from a text, as calls of a shell."""
    commands = [str(action["command"]) for action in actions if isinstance(action, dict) and action.get("command")]
    commands = commands or _FENCED.findall(content)[:1]
    return {"tool_calls": [_shell(command, f"call_{i}") for i, command in enumerate(commands)]} if commands else {}


def _shell(command: str, ident: str) -> dict[str, Any]:
    arguments = json.dumps({"command": command}, ensure_ascii=False)
    return {"id": ident, "type": "function", "function": {"name": "bash", "arguments": arguments}}


def _taken(message: dict) -> dict[str, Any]:
    """`tool` and `arguments` of a message's first call."""
    calls = message.get("tool_calls")
    if not calls:
        return {}
    function = calls[0].get("function") or {}
    arguments = function.get("arguments")
    try:
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        arguments = {"": arguments}
    return {"tool": str(function.get("name") or ""), "arguments": arguments if isinstance(arguments, dict) else {}}


def _usage(response: Any) -> dict[str, Any]:
    usage = (response.get("usage") if isinstance(response, dict) else None) or {}
    details = usage.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens")
    return {"in": usage.get("prompt_tokens"), "out": usage.get("completion_tokens"), "cached": cached}


def _configured(replay_config: Any) -> str | None:
    """The model's name in SWE-agent's copy of its configuration."""
    try:
        data = json.loads(replay_config) if isinstance(replay_config, str) else replay_config or {}
        return data["agent"]["model"]["name"]
    except (ValueError, KeyError, TypeError):
        return None


def _load(path: Path, *needed: str) -> dict[str, Any]:
    attempted = f"read the trajectory {path}"
    try:
        data = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except (OSError, ValueError) as error:
        raise UsageError(attempted, seen=str(error), allowed=ALLOWED) from None
    missing = [name for name in needed if not isinstance(data, dict) or name not in data]
    if missing or not isinstance(data["info"], dict) or not isinstance(data[needed[0]], list):
        seen = f"no {' and no '.join(missing)}" if missing else "a file of another shape"
        raise UsageError(attempted, seen=seen, allowed=ALLOWED)
    return data
