"""A model's chat template, rendered here: what the server will make of messages and tools.

A template is a program that came with the model, so it runs in Jinja's sandbox. What it may use is what transformers
gives it (`transformers.utils.chat_template_utils`): `raise_exception`, `strftime_now`, `tojson` without HTML escapes,
loop controls and the `generation` block.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["Template", "read_template"]

Template = Callable[[list[dict], list[dict] | None], str]
"""(messages, tools) → the prompt's text, up to where the assistant speaks."""


def read_template(folder: Path) -> Template | None:
    """The chat template of a model folder: `chat_template.jinja`, else the one in `tokenizer_config.json`.

    Returns:
        None where there is none, or none that Jinja can read. The template itself raises what it likes.
    """
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    config = config if isinstance(config, dict) else {}
    try:
        source = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    except (OSError, ValueError):
        source = _named(config.get("chat_template"))
    return _compiled(source, _special_tokens(config)) if source else None


def _named(source: Any) -> str | None:
    """Some folders hold several templates by name; the one for tools is the agent's."""
    if isinstance(source, list):
        by_name = {item.get("name"): item.get("template") for item in source if isinstance(item, dict)}
        source = by_name.get("tool_use") or by_name.get("default")
    return source if isinstance(source, str) else None


def _special_tokens(config: dict[str, Any]) -> dict[str, str]:
    """`bos_token` and its like, which templates write out."""
    tokens = {}
    for key, value in config.items():
        value = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(value, str):
            tokens[key] = value
    return tokens


def _compiled(source: str, tokens: dict[str, str]) -> Template | None:
    try:
        from jinja2 import TemplateError, nodes
        from jinja2.ext import Extension
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        return None

    class Generation(Extension):
        """`{% generation %}…{% endgeneration %}` marks what is trained on; a prompt just holds it."""

        tags = {"generation"}  # noqa: RUF012 (Jinja's own way)

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation]
    )
    environment.filters["tojson"] = _tojson
    functions = {"raise_exception": raise_exception, "strftime_now": _strftime_now}
    try:
        template = environment.from_string(source, globals=functions)
    except TemplateError:
        return None

    def render(messages: list[dict], tools: list[dict] | None) -> str:
        return template.render(messages=messages, tools=tools or None, add_generation_prompt=True, **tokens)

    return render


def _strftime_now(form: str) -> str:
    return datetime.datetime.now().strftime(form)


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **more: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **more)
