"""A JSON schema as llguidance's `%json` enforces it: what it cannot enforce is an error, what is open is bounded.

The result admits a part of what the schema admits: numbers have at most 15 digits before the point, objects with
`properties` have no others unless they say so, a value of any kind is at most four levels deep.
"""

from __future__ import annotations

import math
from typing import Any

from slm_ext.toolcalls.lark import GrammarError
from slm_ext.toolcalls.patterns import whole
from slm_ext.toolcalls.schema import resolve

__all__ = ["lower", "members"]

_MOST = 999_999_999_999_999
_ANY_DEPTH = 4
_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"}
_REFUSED = (
    "not", "if", "dependentRequired", "dependentSchemas", "dependencies", "contains", "propertyNames",
    "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef",
)  # fmt: skip
_KEPT = (
    "type", "minLength", "maxLength", "minItems", "maxItems", "required", "minProperties", "maxProperties",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
)  # fmt: skip
_IMPLIED = {
    "object": ("properties", "additionalProperties", "patternProperties", "minProperties", "maxProperties", "required"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_COMBINING = ("$ref", "anyOf", "oneOf", "allOf")


def lower(schema: Any, root: dict) -> dict:
    """The schema for `%json`.

    Args:
        root: what `$ref` points into.

    Raises:
        GrammarError: a keyword that cannot be enforced, a reference outside of `root`, an empty enum.
    """
    lowering = _Lowering(root)
    result = lowering.schema(schema, "the schema")
    return {**result, "$defs": lowering.definitions} if lowering.definitions else result


def members(schema: dict, root: dict) -> list | None:
    """The values of a schema with `enum` or `const` that hold against the rest of it; None when it has neither."""
    from jsonschema import Draft202012Validator

    if "const" in schema:
        values = [schema["const"]]
    elif "enum" in schema:
        values = schema["enum"]
    else:
        return None
    rest = {key: value for key, value in schema.items() if key not in ("enum", "const")}
    validator = Draft202012Validator({**{k: v for k, v in root.items() if k in ("$defs", "definitions")}, **rest})
    return [value for value in values if validator.is_valid(value)]


class _Lowering:
    def __init__(self, root: dict):
        self.root = root
        self.definitions: dict[str, Any] = {}
        self.names: dict[str, str] = {}

    def schema(self, schema: Any, at: str, closed: bool = True, merged: bool = False) -> dict:
        """closed: properties not named may be forbidden; merged: other schemas hold of the same value too."""
        if schema is False:
            raise GrammarError(f"{at} admits no value")
        if schema is True or schema is None:
            schema = {}
        if not isinstance(schema, dict):
            raise GrammarError(f"{at} is no schema object")
        for key in _REFUSED:
            if key in schema:
                raise GrammarError(f"{at} uses {key!r}, which cannot be enforced")
        values = members(schema, self.root)
        if values is not None:
            if not values:
                raise GrammarError(f"{at} has an enum without a valid value")
            return {"enum": values}
        combined = any(key in schema for key in _COMBINING)
        result = {key: schema[key] for key in _KEPT if key in schema}
        if "type" not in result and not combined and not merged:
            implied = [kind for kind, keys in _IMPLIED.items() if any(key in schema for key in keys)]
            if not implied:
                return self.anything(_ANY_DEPTH)
            result["type"] = implied[0]
        types = [result["type"]] if isinstance(result.get("type"), str) else list(result.get("type") or [])
        self.numbers(result, types, schema, at)
        self.strings(result, schema, at)
        self.array(result, types, schema, at, open_ended=merged or combined)
        self.object(result, types, schema, at, closed=closed and not merged and not combined, merged=merged or combined)
        self.combined(result, schema, at)
        return result

    def numbers(self, result: dict, types: list, schema: dict, at: str) -> None:
        for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
            bound = result.get(key, 0)
            if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not math.isfinite(bound):
                raise GrammarError(f"{at}: {key} must be a number")
        step = result.get("multipleOf")
        if step is not None and (step <= 0 or step != int(step)):
            raise GrammarError(f"{at}: multipleOf {step} cannot be enforced, only whole numbers can")
        if "number" in types:  # a little further: a long fraction rounds to the bound itself
            if "exclusiveMaximum" in result:
                below = _next(result.pop("exclusiveMaximum"), -1, schema.get("minimum", schema.get("exclusiveMinimum")))
                result["maximum"] = min(below, result.get("maximum", below))
            if "exclusiveMinimum" in result:
                above = _next(result.pop("exclusiveMinimum"), 1, schema.get("maximum", schema.get("exclusiveMaximum")))
                result["minimum"] = max(above, result.get("minimum", above))
        if "number" in types or "integer" in types:
            if "minimum" not in result and "exclusiveMinimum" not in result:
                top = min(result.get("maximum", 0), result.get("exclusiveMaximum", 0))
                result["minimum"] = min(-_MOST, int(top) - _MOST)
            if "maximum" not in result and "exclusiveMaximum" not in result:
                low = max(result.get("minimum", 0), result.get("exclusiveMinimum", 0))
                result["maximum"] = max(_MOST, int(low) + _MOST)

    def strings(self, result: dict, schema: dict, at: str) -> None:
        if "pattern" in schema:
            result["pattern"] = f"^(?:{whole(schema['pattern'])})$"
        elif schema.get("format") in _FORMATS and "minLength" not in schema and "maxLength" not in schema:
            result["format"] = schema["format"]  # any other format is an annotation

    def array(self, result: dict, types: list, schema: dict, at: str, open_ended: bool) -> None:
        if schema.get("uniqueItems") and schema.get("maxItems", 2) > 1:
            raise GrammarError(f"{at} uses 'uniqueItems', which cannot be enforced")
        if "prefixItems" in schema:
            result["prefixItems"] = [self.schema(s, f"{at}[{i}]") for i, s in enumerate(schema["prefixItems"])]
        items = schema.get("items")
        if isinstance(items, list):
            raise GrammarError(f"{at}: items must be one schema (prefixItems lists several)")
        if items is False:
            result["items"] = False
        elif "items" in schema or ("array" in types and not open_ended):
            result["items"] = self.schema(items, f"{at}[]")

    def object(self, result: dict, types: list, schema: dict, at: str, closed: bool, merged: bool) -> None:
        properties = schema.get("properties")
        if "minProperties" in schema and schema["minProperties"] > 1:
            raise GrammarError(f"{at}: minProperties above 1 cannot be enforced")
        if properties is not None:
            result["properties"] = {
                key: self.schema(value, f"{at}.{key}", merged=merged)
                for key, value in properties.items()
                if value is not False
            }
        if "patternProperties" in schema:
            result["patternProperties"] = {
                f"^(?:{whole(pattern)})$": self.schema(value, f"{at}.*")
                for pattern, value in schema["patternProperties"].items()
            }
        more = schema.get("additionalProperties")
        if more is False:
            result["additionalProperties"] = False
        elif isinstance(more, dict) or (more is True and not merged):
            result["additionalProperties"] = self.schema(more, f"{at}.*")
        elif closed and (properties is not None or "patternProperties" in schema):
            for key in schema.get("required") or []:
                result.setdefault("properties", {}).setdefault(key, self.anything(_ANY_DEPTH))
            result["additionalProperties"] = False
        elif "object" in types and not merged and properties is None:
            result["additionalProperties"] = self.anything(_ANY_DEPTH - 1)

    def combined(self, result: dict, schema: dict, at: str) -> None:
        others = [key for key in result if key != "type"]
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                merged = key == "allOf" or bool(others) or sum(k in schema for k in _COMBINING) > 1
                branches = schema[key]
                result[key] = [self.schema(b, f"{at} ({key} {i})", merged=merged) for i, b in enumerate(branches)]
        if "$ref" in schema:
            result["$ref"] = self.reference(schema["$ref"], at)

    def reference(self, ref: Any, at: str) -> str:
        if ref not in self.names:
            if not isinstance(ref, str) or (ref != "#" and not ref.startswith("#/")):
                raise GrammarError(f"{at} refers to {ref!r}, outside of its tool")
            name = self.names[ref] = f"ref-{len(self.names)}"
            target = resolve({"$ref": ref}, self.root)
            if not target:
                raise GrammarError(f"{at} refers to {ref!r}, which is not there")
            self.definitions[name] = {}
            self.definitions[name] = self.schema(target, ref)
        return f"#/$defs/{self.names[ref]}"

    def anything(self, depth: int) -> dict:
        name = f"any-{depth}"
        if name not in self.definitions:
            number = {"type": "number", "minimum": -_MOST, "maximum": _MOST}
            kinds: list[dict] = [{"type": "string"}, number, {"type": "boolean"}, {"type": "null"}]
            if depth > 1:
                inner = self.anything(depth - 1)
                kinds += [{"type": "array", "items": inner}, {"type": "object", "additionalProperties": inner}]
            self.definitions[name] = {"anyOf": kinds}
        return {"$ref": f"#/$defs/{name}"}


def _next(bound: float, sign: int, other: float | None) -> float:
    """A number just past an exclusive bound, with few digits: llguidance reads and expands every one of them."""
    step = sign * max(abs(bound), 1.0) * 1e-9
    if other is not None and abs(other - bound) < 2 * abs(step):
        return (bound + other) / 2
    return round(bound + step, 9) if abs(bound) < 1e6 else bound + step
