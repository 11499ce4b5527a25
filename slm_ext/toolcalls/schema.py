"""Arguments against a tool's JSON schema: coercion of what is unambiguous, rejection of the rest.

`tools` is always the OpenAI list: `[{"type": "function", "function": {"name", "description", "parameters"}}]`.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import Any

from slm_ext.toolcalls.call import ToolCall
from slm_ext.toolcalls.rejection import Rejection

__all__ = ["coerce", "example", "names", "parameters", "validate"]

_INTEGER = re.compile(r"[+-]?\d+(?:\.0+)?")
_SHOWN = 200


def names(tools: list[dict] | None) -> list[str]:
    """The tools' names, in order."""
    return [tool["function"]["name"] for tool in tools or []]


def parameters(tools: list[dict] | None, name: str) -> dict:
    """The `parameters` schema of one tool; empty when there is no such tool."""
    for tool in tools or []:
        if tool["function"]["name"] == name:
            return tool["function"].get("parameters") or {}
    return {}


def coerce(name: str, arguments: dict[str, Any], tools: list[dict] | None) -> dict[str, Any]:
    """Arguments with their values typed by the schema where the text allows one reading only.

    `"14"` becomes 14 for an integer, `"[1]"` a list for an array, `"true"` a bool for a boolean, 14 becomes `"14"`
    for a string. A null (or, for anything but a string, the text `null`) given for an optional argument means
    "not given" and is left out. What does not fit stays as it is, for `validate` to name.
    """
    schema = parameters(tools, name)
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    result = {}
    for key, value in arguments.items():
        property_schema = properties.get(key)
        if property_schema is not None:
            kinds = _kinds(property_schema)
            value = _coerce_value(value, kinds)
            if value is None and "null" not in kinds and key not in required:
                continue
        result[key] = value
    return result


def validate(call: ToolCall, tools: list[dict] | None) -> Rejection | None:
    """None when `call` may be run; otherwise the first rule it breaks.

    Args:
        call: with coerced arguments.
        tools: the tools the model was shown.
    """
    known = names(tools)
    if call.name not in known:
        near = difflib.get_close_matches(call.name, known, n=3, cutoff=0.5)
        hint = f"there is no tool {call.name!r}" + (f"; did you mean {' or '.join(near)}?" if near else "")
        shown = example((near or known)[0], {}, tools) if known else None
        return Rejection(
            rule="unknown_tool", message=hint, got=call.name, expected="one of " + ", ".join(known), example=shown
        )
    schema = parameters(tools, call.name)
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    for key in required:
        if key not in call.arguments:
            return _broken("missing_argument", call, tools, f"{call.name} needs {key!r}", expected=_signature(schema))
    if schema.get("additionalProperties") is not True:
        for key in call.arguments:
            if key not in properties:
                message = f"{call.name} has no argument {key!r}"
                return _broken("unknown_argument", call, tools, message, expected=_signature(schema))
    for key, value in call.arguments.items():
        if (error := _first_error(value, properties.get(key) or {})) is not None:
            rule = "wrong_type" if error.validator == "type" else "bad_value"
            message = f"{call.name}: {key!r} {_said(error)}"
            expected = json.dumps(properties[key], ensure_ascii=False)
            return _broken(rule, call, tools, message, got=_shorten(value), expected=expected)
    return None


def example(name: str, given: dict[str, Any], tools: list[dict] | None) -> str:
    """A call of `name` that validates, keeping those of `given` that are right, in wire format."""
    from slm_ext.toolcalls.qwen3_coder import render_qwen3_coder

    schema = parameters(tools, name)
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    arguments = {}
    for key, property_schema in properties.items():
        right = key in given and _first_error(given[key], property_schema) is None and len(str(given[key])) <= _SHOWN
        if right:
            arguments[key] = given[key]
        elif key in required:
            arguments[key] = _sample(key, property_schema)
    return render_qwen3_coder(ToolCall(id="example", name=name, arguments=arguments))


def _broken(rule: str, call: ToolCall, tools, message: str, *, expected: str, got: str | None = None) -> Rejection:
    got = got if got is not None else f"{call.name}({', '.join(call.arguments)})"
    shown = example(call.name, call.arguments, tools)
    return Rejection(rule=rule, message=message, got=got, expected=expected, example=shown)


def _first_error(value: Any, schema: dict):
    from jsonschema import Draft202012Validator

    return next(iter(sorted(Draft202012Validator(schema).iter_errors(value), key=lambda e: len(e.absolute_path))), None)


def _said(error) -> str:
    where = "".join(f"[{part!r}]" for part in error.absolute_path)
    if error.validator == "type":
        wanted = error.validator_value
        wanted = wanted if isinstance(wanted, str) else " or ".join(wanted)
        return f"{where} must be of type {wanted}".lstrip()
    return f"{where} is refused: {_shorten(error.message)}".lstrip()


def _signature(schema: dict) -> str:
    required = schema.get("required") or []
    parts = [
        f"{key}{'' if key in required else '?'}: {'|'.join(sorted(_kinds(value))) or 'any'}"
        for key, value in (schema.get("properties") or {}).items()
    ]
    return ", ".join(parts) or "no arguments"


def _sample(key: str, schema: dict) -> Any:
    for source in ("default", "const"):
        if source in schema:
            return schema[source]
    for source in ("examples", "enum"):
        if schema.get(source):
            return schema[source][0]
    kinds = _kinds(schema)
    for kind, value in (("string", f"the {key}"), ("integer", 1), ("number", 1.0), ("boolean", True), ("array", [])):
        if kind in kinds:
            return value
    return {}


def _kinds(schema: dict) -> set[str]:
    kinds = schema.get("type") or []
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    for key in ("anyOf", "oneOf"):
        for branch in schema.get(key) or []:
            kinds |= _kinds(branch)
    return kinds


def _coerce_value(value: Any, kinds: set[str]) -> Any:
    if not isinstance(value, str):
        if kinds == {"string"} and isinstance(value, (int, float)) and not isinstance(value, bool):
            return json.dumps(value)
        if "integer" in kinds and isinstance(value, float) and value.is_integer():
            return int(value)
        return value
    if not kinds or "string" in kinds:
        return value
    text = value.strip()
    if text in ("null", "None"):
        return None
    if "integer" in kinds and _INTEGER.fullmatch(text):
        return int(text.split(".")[0])
    if "boolean" in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kinds & {"number", "array", "object"}:
        try:
            loaded = json.loads(text, strict=False)
        except ValueError:
            return value
        kind = {list: "array", dict: "object", int: "number", float: "number"}.get(type(loaded))
        return loaded if kind in kinds else value
    return value


def _shorten(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
