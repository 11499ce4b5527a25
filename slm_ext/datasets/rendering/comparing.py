"""Whether an answer, read back, is what was done."""

from __future__ import annotations

import json
from typing import Any

from slm_ext.datasets.episode import Step
from slm_ext.toolcalls import coerce

__all__ = ["holds_action", "same_calls"]

Named = tuple[str, Any]
"""(tool, arguments)."""


def same_calls(made: list[Named], read: list[Named], tools: list[dict] | None) -> bool:
    """Whether the calls are the same, as far as the tools' schemas tell types apart; without schemas a wire format that
    writes values as text gives them back as text."""
    if len(made) != len(read):
        return False
    if not tools:
        return [_as_text(call) for call in made] == [_as_text(call) for call in read]
    return all(_typed(one, tools) == _typed(two, tools) for one, two in zip(made, read, strict=True))


def _typed(call: Named, tools: list[dict]) -> tuple[str, str]:
    """As text, since Python takes True for 1."""
    name, arguments = call
    return name, json.dumps(coerce(name, arguments, tools), sort_keys=True)


def _as_text(call: Named) -> tuple[str, dict[str, str]]:
    name, arguments = call
    return name, {key: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for key, v in arguments.items()}


def holds_action(text: str, step: Step) -> bool:
    """Whether the action stands in the text: all that it was given, as text or as JSON."""
    for value in step.arguments.values():
        told = json.dumps(value, ensure_ascii=False)
        forms = (value.strip(), told[1:-1]) if isinstance(value, str) else (told,)
        if not any(form in text for form in forms):
            return False
    return True
