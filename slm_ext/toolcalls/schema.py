"""Arguments against a tool's JSON schema: coercion of what is unambiguous, rejection of the rest.

`tools` is always the OpenAI list: `[{"type": "function", "function": {"name", "description", "parameters"}}]`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from typing import Any

from slm_ext.toolcalls.call import ToolCall
from slm_ext.toolcalls.rejection import Rejection

__all__ = ["argument_schema", "coerce", "example", "first_error", "kinds", "names", "parameters", "resolve", "validate"]

_INTEGER = re.compile(r"[+-]?\d+(?:\.0+)?")
_SHOWN = 200
_DEFINITIONS = ("$defs", "definitions")
_UNREAD = object()


def names(tools: list[dict] | None) -> list[str]:
    """The tools' names, in order."""
    return [tool["function"]["name"] for tool in tools or []]


def parameters(tools: list[dict] | None, name: str) -> dict:
    """The `parameters` schema of one tool; empty when there is no such tool."""
    for tool in tools or []:
        if tool["function"]["name"] == name:
            return tool["function"].get("parameters") or {}
    return {}


def argument_schema(parameters: dict, key: str) -> dict | None:
    """The schema of one argument, able to stand alone (the tool's `$defs` are in it); None when there is none."""
    schema = (parameters.get("properties") or {}).get(key)
    if schema is None:
        return None
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return {**{part: parameters[part] for part in _DEFINITIONS if part in parameters}, **schema}


def resolve(schema: Any, root: dict) -> dict:
    """`schema` with its own `$ref` into `root` followed; `{}` for what is no schema object or refers elsewhere."""
    for _ in range(16):
        if not isinstance(schema, dict):
            return {}
        target = schema.get("$ref")
        if not isinstance(target, str):
            return schema
        found: Any = root if target.startswith("#") else {}
        for part in target.removeprefix("#").split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            found = found.get(part, {}) if isinstance(found, dict) else {}
        found = found if isinstance(found, dict) else {}
        schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    return {}


def kinds(schema: Any, root: dict | None = None, depth: int = 0) -> set[str]:
    """The JSON types a value of this schema may have; empty when it does not say."""
    root = schema if root is None else root
    schema = resolve(schema, root)
    if depth > 8:
        return set()
    own = schema.get("type") or []
    result = {own} if isinstance(own, str) else set(own)
    if not result and ("const" in schema or "enum" in schema):
        return {_KINDS[type(value)] for value in ([schema["const"]] if "const" in schema else schema["enum"])}
    for key in ("anyOf", "oneOf") if result else ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(key) or []:
            result |= kinds(branch, root, depth + 1)
    return result


def coerce(name: str, arguments: dict[str, Any], tools: list[dict] | None) -> dict[str, Any]:
    """Arguments with their values typed by the schema where the text allows one reading only.

    `"14"` becomes 14 for an integer, `"[1]"` a list for an array, `"true"` a bool for a boolean, 14 becomes `"14"`
    for a string. Where the schema allows a string among others, a text that is right as a string stays one. A null
    (or, for anything but a string, the text `null`) given for an optional argument means "not given" and is left
    out. What does not fit stays as it is, for `validate` to name.
    """
    schema = parameters(tools, name)
    required = schema.get("required") or []
    result = {}
    for key, value in arguments.items():
        property_schema = argument_schema(schema, key)
        if property_schema is not None:
            allowed = kinds(property_schema)
            value = _coerce_value(value, allowed, property_schema)
            if value is None and allowed and "null" not in allowed and key not in required:
                continue
        result[key] = value
    return result


def validate(
    call: ToolCall, tools: list[dict] | None, render: Callable[[ToolCall], str] | None = None
) -> Rejection | None:
    """None when `call` may be run; otherwise the first rule it breaks.

    Args:
        call: with coerced arguments.
        tools: the tools the model was shown.
        render: writes the rejection's example; qwen3_coder's when None.
    """
    known = names(tools)
    if call.name not in known:
        near = difflib.get_close_matches(call.name, known, n=3, cutoff=0.5)
        hint = f"there is no tool {call.name!r}" + (f"; did you mean {' or '.join(near)}?" if near else "")
        shown = example((near or known)[0], {}, tools, render) if known else None
        return Rejection(
            rule="unknown_tool", message=hint, got=call.name, expected="one of " + ", ".join(known), example=shown
        )
    schema = parameters(tools, call.name)
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    for key in required:
        if key not in call.arguments:
            message = f"{call.name} needs {key!r}"
            return _broken("missing_argument", call, tools, message, render, expected=_signature(schema))
    if schema.get("additionalProperties") is not True:
        for key in call.arguments:
            if key not in properties:
                message = f"{call.name} has no argument {key!r}"
                return _broken("unknown_argument", call, tools, message, render, expected=_signature(schema))
    for key, value in call.arguments.items():
        if (error := first_error(value, argument_schema(schema, key) or {})) is not None:
            rule = "wrong_type" if error.validator == "type" else "bad_value"
            message = f"{call.name}: {key!r} {_said(error)}"
            expected = json.dumps(properties[key], ensure_ascii=False)
            return _broken(rule, call, tools, message, render, got=_shorten(value), expected=expected)
    return None


def example(
    name: str, given: dict[str, Any], tools: list[dict] | None, render: Callable[[ToolCall], str] | None = None
) -> str:
    """A call of `name` that validates, keeping those of `given` that are right, as `render` writes it
    (qwen3_coder's when None)."""
    if render is None:
        from slm_ext.toolcalls.qwen3_coder import render_qwen3_coder as render

    schema = parameters(tools, name)
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    arguments = {}
    for key in properties:
        property_schema = argument_schema(schema, key) or {}
        right = key in given and first_error(given[key], property_schema) is None and len(str(given[key])) <= _SHOWN
        if right:
            arguments[key] = given[key]
        elif key in required:
            arguments[key] = _sample(key, property_schema)
    return render(ToolCall(id="example", name=name, arguments=arguments))


def first_error(value: Any, schema: dict):
    """The `jsonschema` error of a value that lies nearest to its root; None when the value is right."""
    from jsonschema import Draft202012Validator

    return next(iter(sorted(Draft202012Validator(schema).iter_errors(value), key=lambda e: len(e.absolute_path))), None)


def _broken(
    rule: str, call: ToolCall, tools, message: str, render, *, expected: str, got: str | None = None
) -> Rejection:
    got = got if got is not None else f"{call.name}({', '.join(call.arguments)})"
    shown = example(call.name, call.arguments, tools, render)
    return Rejection(rule=rule, message=message, got=got, expected=expected, example=shown)


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
        f"{key}{'' if key in required else '?'}: {'|'.join(sorted(kinds(argument_schema(schema, key)))) or 'any'}"
        for key in schema.get("properties") or {}
    ]
    return ", ".join(parts) or "no arguments"


def _sample(key: str, schema: dict) -> Any:
    for source in ("default", "const"):
        if source in schema:
            return schema[source]
    for source in ("examples", "enum"):
        if schema.get(source):
            return schema[source][0]
    allowed = kinds(schema)
    for kind, value in (("string", f"the {key}"), ("integer", 1), ("number", 1.0), ("boolean", True), ("array", [])):
        if kind in allowed:
            return value
    return {}


_KINDS = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    list: "array",
    dict: "object",
}


def _coerce_value(value: Any, allowed: set[str], schema: dict) -> Any:
    if not isinstance(value, str):
        if allowed == {"string"} and isinstance(value, (int, float)) and not isinstance(value, bool):
            return json.dumps(value)
        if "integer" in allowed and isinstance(value, float) and value.is_integer():
            return int(value)
        return value
    if not allowed or allowed == {"string"}:
        return value
    if "string" in allowed:
        if first_error(value, schema) is None:
            return value
        read = _read(value.strip(), allowed)
        return value if read is _UNREAD or first_error(read, schema) is not None else read
    read = _read(value.strip(), allowed)
    return value if read is _UNREAD else read


def _read(text: str, allowed: set[str]) -> Any:
    """The value a text stands for among these types; `_UNREAD` when it stands for none."""
    if text in ("null", "None"):
        return None
    if "integer" in allowed and _INTEGER.fullmatch(text) and len(text) < 1000:
        return int(text.split(".")[0])
    if "boolean" in allowed and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if allowed & {"number", "array", "object"}:
        try:
            loaded = json.loads(text, strict=False)
            json.dumps(loaded, allow_nan=False, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return _UNREAD
        kind = {list: "array", dict: "object", int: "number", float: "number"}.get(type(loaded))
        return loaded if kind in allowed else _UNREAD
    return _UNREAD


def _shorten(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
