"""Tools over which constrained decoding is tested and measured: every kind of argument a schema can ask for.

Most strings are bounded, so that random text ends; those of `write_file` and `note` are not.
"""

from __future__ import annotations

__all__ = ["SCHEMAS", "UNBOUNDED", "schema_tools"]

_NAME = {"type": "string", "minLength": 1, "maxLength": 12}


def _object(*required: str, **properties) -> dict:
    return {"type": "object", "properties": properties, "required": list(required)}


SCHEMAS: dict[str, dict] = {
    "submit": {"type": "object", "properties": {}},
    "undo": {},
    "set_mode": _object("mode", mode={"type": "string", "enum": ["read", "write", "</parameter>", "null", "12"]}),
    "set_level": _object("level", level={"enum": [1, 2, 3.5, None, True, "max", {"custom": [1]}]}),
    "set_flag": _object("on", on={"type": "boolean"}, reason=_NAME),
    "fixed": _object("version", version={"const": 2}, kind={"const": "plain text"}),
    "goto": _object("line", line={"type": "integer", "minimum": 1, "maximum": 5000}, column={"type": "integer"}),
    "scale": _object(
        "factor",
        factor={"type": "number", "minimum": -1.5, "exclusiveMaximum": 3},
        steps={"type": "integer", "multipleOf": 5, "exclusiveMinimum": 0},
        offset={"type": "number"},
    ),
    "edit_line": _object(
        "path",
        "line",
        "old",
        "new",
        path={"type": "string", "maxLength": 20},
        line={"type": "integer", "minimum": 1},
        old={"type": "string", "minLength": 1, "maxLength": 30},
        new={"type": "string", "maxLength": 30},
    ),
    "rename": _object(
        "old",
        "new",
        old={"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,10}$"},
        new={"type": "string", "pattern": "^([a-z]{1,4}_){1,3}$|^x/y$"},
    ),
    "ticket": _object("key", key={"type": "string", "pattern": r"[A-Z]{2}-\d{3}", "maxLength": 9}),
    "run_tests": _object(
        targets={"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 3},
        keyword={"type": "string", "maxLength": 10},
        maxfail={"type": "integer", "minimum": 0, "maximum": 99},
        verbose={"type": "boolean"},
    ),
    "pick": _object(
        "items", items={"type": "array", "items": {"enum": ["a", 'b"c', "d\ne", 4]}, "minItems": 1, "maxItems": 4}
    ),
    "matrix": _object(
        "rows",
        rows={
            "type": "array",
            "items": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9}, "maxItems": 3},
            "maxItems": 3,
        },
    ),
    "create_user": _object(
        "user",
        user={
            "type": "object",
            "properties": {
                "name": _NAME,
                "age": {"type": "integer", "minimum": 0, "maximum": 150},
                "address": {
                    "type": "object",
                    "properties": {"city": _NAME, "zip": {"type": "string", "pattern": "^[0-9]{5}$"}},
                    "required": ["city", "zip"],
                    "additionalProperties": False,
                },
            },
            "required": ["name", "address"],
        },
        dry_run={"type": "boolean"},
    ),
    "limit": _object(
        "count",
        count={"anyOf": [{"type": "integer", "minimum": 1, "maximum": 500}, {"enum": ["all", "none"]}]},
        after={"type": ["integer", "null"], "minimum": -10, "maximum": 10},
        label={"anyOf": [{"type": "string", "maxLength": 6}, {"type": "null"}]},
    ),
    "draw": _object(
        "shape",
        shape={
            "anyOf": [
                _object("kind", "r", kind={"const": "circle"}, r={"type": "number", "minimum": 0, "maximum": 9}),
                _object("kind", "w", "h", kind={"const": "box"}, w={"type": "integer"}, h={"type": "integer"}),
            ]
        },
    ),
    "filter": {
        "type": "object",
        "$defs": {
            "test": _object("field", "is", field={"enum": ["size", "age"]}, **{"is": {"$ref": "#/$defs/value"}}),
            "value": {"anyOf": [{"type": "integer"}, {"type": "boolean"}, {"type": "null"}]},
        },
        "properties": {"all": {"type": "array", "items": {"$ref": "#/$defs/test"}, "maxItems": 3}},
        "required": ["all"],
    },
    "weights": _object(
        "by_name",
        by_name={
            "type": "object",
            "patternProperties": {"^[a-c]{1,3}$": {"type": "number", "minimum": 0, "maximum": 1}},
            "additionalProperties": False,
            "maxProperties": 2,
        },
    ),
    "schedule": _object(
        "day", day={"type": "string", "enum": ["montag", "Dienstag – früh", "水曜日"]}, hour={"type": "integer"}
    ),
    "all_optional": _object(a={"type": "integer"}, b={"type": "boolean"}, c={"enum": ["x", "y"]}, d={"type": "null"}),
    "odd names": _object(
        "a b",
        **{"a b": {"type": "boolean"}, 'say "x"': {"enum": ["1", "2"]}, "<x>": {"type": "integer"}, "é{": {"const": 1}},
    ),
    "write_file": _object("path", "text", path={"type": "string", "maxLength": 20}, text={"type": "string"}),
    "note": _object("text", text={"type": ["string", "null"]}, data={}, more={"type": "object"}),
}  # fmt: skip
"""The `parameters` of each tool, by its name."""

UNBOUNDED = ("write_file", "note")
"""Tools with arguments of no bounded size: a call of theirs may go on for ever."""


def schema_tools(*names: str) -> list[dict]:
    """The tools as an OpenAI `tools` list, all of them when no name is given."""
    return [
        {
            "type": "function",
            "function": {"name": name, "description": f"The tool {name}.", "parameters": SCHEMAS[name]},
        }
        for name in names or SCHEMAS
    ]
