"""Tables of the reference, read from the source of the classes they describe."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap

__all__ = ["block", "fields_of", "model_table", "sentence", "table"]

MEANINGS = {
    "Provider.api_base": "Where the model answers: the address of its OpenAI API, usually ending in `/v1`.",
    "Provider.server": "A server that slm-ext starts, [below](#the-server).",
    "Provider.temperature": "Sampling; 0 always takes the likeliest token.",
    "Provider.top_p": "Sampling; sent only where it is set.",
    "Provider.seed": "Sampling; sent only where it is set.",
    "Provider.stop": "Texts at which an answer ends.",
    "Provider.chat_template_kwargs": "Arguments of the model's chat template, e.g. `{enable_thinking: false}`.",
    "Provider.capabilities": "What the endpoint can do, below.",
    "Provider.retry": "Transient errors, below.",
    "Provider.extends": "Another provider whose fields count where this entry has none.",
    "Provider.profile": "Prompts, tools and limits: a [profile](profiles.md) by name.",
    "Provider.revision": "Revision of a Hugging Face id.",
    "Profile.prompts": "The first two messages, below.",
    "CallRecord.request": "What was sent, below.",
    "CallRecord.route": "Who answered, and why: the `RouteDecision` ([causes](../explanation/routing.md)).",
    "CallRecord.context": "What was left out of the prompt ([context](../explanation/context.md)); null: nothing.",
    "CallRecord.identity": "Which model answered: `kind`, `model_id`, `weights_sha`, `template_sha`.",
    "CallRecord.raw_response": "The reply as it came.",
    "CallRecord.thought": "What the model said beside the call.",
    "CallRecord.validation": "How the reply was judged, below.",
    "CallRecord.usage": "Tokens and seconds, below.",
    "CallRecord.retry_of": "`call_id` of the rejected or resampled call that this one is asked again for.",
    "RequestRecord.messages": "The conversation, each message in full or as a reference.",
    "RequestRecord.sampling": "Temperature, `max_tokens` and the like, as sent.",
    "ObservationRecord.content": "What the model is shown.",
    "ObservationRecord.tool_report": "The tool's typed result.",
    "RunResult.tokens": "`in`, `out`, and `cached`, the part of `in` that was not computed again.",
    "OutcomeRecord.resolved": "Verdict of `--test`, where there was one.",
    "OutcomeRecord.submitted": "A patch that is not empty was handed in.",
    "OutcomeRecord.exit_status": "How the agent ended, in its host's words.",
}
"""Meanings of fields that have no text in the code."""


def fields_of(owner: type) -> list[tuple[str, str, str, str]]:
    """(name, type, default, text) of the annotated fields in a class body; text is the string below a field."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    except (OSError, TypeError):
        return []
    assert isinstance(body, ast.ClassDef)
    found = []
    following = [*body.body[1:], None]
    for node, after in zip(body.body, following, strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        text = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = " ".join(str(after.value.value).split())
        name = node.target.id
        kind = _type(node.annotation, units="registry" in owner.__module__)
        found.append((name, kind, _default(owner, node), text or MEANINGS.get(f"{owner.__name__}.{name}", "")))
    return found


def _type(node: ast.expr, *, units: bool) -> str:
    source = ast.unparse(node)
    if units:
        source = re.sub(r"\bTokens\b", "int", source)
    for pattern, short in (
        (r"Annotated\[(\w+), .*\]", r"\1"),
        (r"Literal\[(.*?)\]", r"\1"),
        (r"\bCount\b", "int ≥ 1"),
        (r"\bSeconds\b", "seconds"),
        (r"\bFraction\b", "0 … 1"),
        (r"\bTemperature\b", "0 … 5"),
        (r"\bDollars\b", "dollars"),
        (r"\bSubtask\b", "subtask"),
        (r"\bStatus\b", "status"),
        (r"\b(Text|SecretStr|str)\b", "text"),
        (r"\bEndpoint\b", "URL"),
        (r" \| None", ""),
        (r"dict\[text, Any\]", "mapping"),
        (r"\bAny\b", "any"),
    ):
        source = re.sub(pattern, short, source)
    return source.replace("'", "")


def _default(owner: type, node: ast.AnnAssign) -> str:
    name = node.target.id  # type: ignore[union-attr]
    fields = getattr(owner, "model_fields", {})
    if name not in fields:
        return ""
    if fields[name].is_required():
        return "needed"
    value = fields[name].get_default(call_default_factory=True)
    if isinstance(value, list):
        return ", ".join(getattr(item, "name", str(item)) for item in value)
    return "" if value is None or value in ({}, []) or hasattr(value, "model_dump") else f"{value}"


def model_table(*owners: type) -> str:
    rows = [
        (f"`{name.rstrip('_')}`", kind, default, text)
        for owner in owners
        for name, kind, default, text in fields_of(owner)
        if not name.startswith("_") and name != "model_config"
    ]
    return table(("field", "type", "default", "meaning"), rows)


def block(field: str, *owners: type) -> str:
    """What is written below `field`: what the first class says of itself, and the fields of all."""
    return f"`{field}`: {inspect.cleandoc(owners[0].__doc__ or '')}\n\n{model_table(*owners)}"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
