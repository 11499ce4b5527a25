"""A model's chat template, rendered here: what the server will make of messages and tools.

A template is a program that came with the model, so it runs in Jinja's sandbox. What it may use is what transformers
gives it (`transformers.utils.chat_template_utils`): `raise_exception`, `strftime_now`, `tojson` without HTML escapes,
loop controls and the `generation` block.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Template", "read_template", "template_source"]


class Template:
    """A chat template. It raises what it likes.

    Args:
        template: Jinja's.
        tokens: `bos_token` and its like.
        peeks: whether a loop of it may ask what comes next, or how much; or carry something behind its end.
    """

    def __init__(self, template: Any, tokens: dict[str, str], peeks: bool = True):
        self._template, self._tokens, self.peeks = template, tokens, peeks

    def __call__(self, messages: list[dict], tools: list[dict] | None, **arguments: Any) -> str:
        """The prompt's text, up to where the assistant speaks; with `add_generation_prompt=False` the conversation
        alone. Arguments are the template's own."""
        return "".join(self.pieces(messages, tools, **arguments))

    def pieces(self, messages: Sequence[dict], tools: list[dict] | None, **arguments: Any) -> Iterator[str]:
        """The same text, each piece as soon as the template has written it."""
        given = {"add_generation_prompt": True, **self._tokens, **arguments}
        return self._template.generate(messages=messages, tools=tools or None, **given)


_BACK = ("first", "index", "index0", "previtem", "depth", "depth0")
"""What a loop knows without looking ahead."""
_METHODS = frozenset(dir(dict))


def read_template(folder: Path) -> Template | None:
    """The chat template of a model folder.

    Returns:
        None where there is none, or none that Jinja can read. The template itself raises what it likes.
    """
    source, tokens = template_source(folder)
    return _compiled(source, tokens) if source else None


def template_source(folder: Path) -> tuple[str | None, dict[str, str]]:
    """(text of the chat template, special tokens that it may write) of a model folder: `chat_template.jinja`, else the
    one in `tokenizer_config.json`."""
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    config = config if isinstance(config, dict) else {}
    try:
        source = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    except (OSError, ValueError):
        source = _named(config.get("chat_template"))
    return source, _special_tokens(config)


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

    class Sandbox(ImmutableSandboxedEnvironment):
        """Jinja looks for an attribute first and for a key then; messages are mappings, and most looks would raise."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if type(obj) is dict and attribute not in _METHODS:
                return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
            return super().getattr(obj, attribute)

    environment = Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation])
    environment.filters["tojson"] = _tojson
    functions = {"raise_exception": raise_exception, "strftime_now": _strftime_now}
    try:
        template = environment.from_string(source, globals=functions)
    except TemplateError:
        return None

    tree = environment.parse(source)
    looks = [node for node in tree.find_all(nodes.Name) if node.name == "loop"]
    back = [node for node in tree.find_all(nodes.Getattr) if node.node in looks and node.attr in _BACK]
    carries = any(node.name == "namespace" for node in tree.find_all(nodes.Name))
    return Template(template, tokens, peeks=carries or len(back) < len(looks))


def _strftime_now(form: str) -> str:
    return datetime.datetime.now().strftime(form)


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **more: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **more)
