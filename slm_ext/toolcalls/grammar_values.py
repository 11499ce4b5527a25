"""One argument's value in a grammar: as raw text (qwen3_coder, fenced) or as JSON (hermes).

Both give rule bodies for a value with what follows it, one per way to write it. The tail is part of the value's
terminal wherever the value is text: llguidance's lexer takes the longest match and does not go back, so a text that
may hold the tail's first character must decide about it in the same regular expression.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from slm_ext.toolcalls.domains import Domain
from slm_ext.toolcalls.lark import ANY_TEXT, GrammarError, Lark, quote
from slm_ext.toolcalls.lowering import lower
from slm_ext.toolcalls.patterns import whole
from slm_ext.toolcalls.schema import coerce, kinds, resolve

__all__ = ["JsonValues", "TextValues"]

_TEXT_KEYS = {"minLength", "maxLength", "pattern"}
_ANNOTATIONS = {
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "format",
    "$defs",
    "definitions",
    "$comment",
}
_JSON_CHARACTER = r'([^"\\]|\\["\\bfnrt]|\\u[0-9a-f]{4})'


@dataclass(frozen=True)
class TextValues:
    """Values written raw: strings as they are, anything else as JSON."""

    lark: Lark
    excluded: str
    """The terminal expression of every text that cannot be a value because the parser would end it early."""
    excluded_here: re.Pattern
    """The same for Python, to be searched for."""
    signs: tuple[str, ...]
    """Every excluded text holds one of these."""
    tails: tuple[str, ...]
    """Every text that may follow a value."""

    def alternatives(self, at: str, schema: dict, domain: Domain | None, tail: str) -> list[str]:
        """Rule bodies for a value of `schema` (which stands alone) with `tail` behind it; none when there is no value
        that the format can carry."""
        if domain is not None and domain.kind == "items":
            return [f"{self.lark.json(_items(at, schema, domain))} {quote(tail)}"]
        if domain is not None and domain.kind == "enum":
            return self._literals(schema, domain.loaded(), tail)
        ways = _ways(at, schema)
        if domain is not None:
            pieces = self.lark.terminal("%regex " + json.dumps({"substring_chars": domain.text}))
            values = ways.pieces(domain.text)
            plain = not any(sign in domain.text for sign in self.signs)
            result = [self._text([pieces, "/(?s:.+)/"], constraints, tail, plain) for constraints in ways.texts]
            return result + self._literals(schema, values, tail)
        if [] in ways.texts:  # any text is right, the others' too
            return [self._text([], [], tail)]
        result = [self._text([], constraints, tail) for constraints in ways.texts]
        result += [f"{self.lark.json(lower(other, schema))} {quote(tail)}" for other in ways.others]
        return result + self._literals(schema, ways.values, tail)

    def _text(self, terminals: list[str], constraints: list[dict], tail: str, plain: bool = False) -> str:
        """plain: nothing that is excluded can occur, which is cheaper to compile."""
        parts = [*terminals, *_constraints(constraints)] or [ANY_TEXT]
        value = self.lark.terminal(" & ".join(parts if plain else [*parts, f"~{self.excluded}"]))
        return self.lark.lazy(f"{value} {quote(tail)}")

    def _literals(self, schema: dict, values: list, tail: str) -> list[str]:
        """One body for those of the values that are right and can be written; none when no value is."""
        valid = _validator(schema)
        tools = [{"function": {"name": "f", "parameters": {"properties": {"v": schema}, "required": ["v"]}}}]
        only_strings = kinds(schema) == {"string"}
        texts: dict[str, None] = {}
        for value in values:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            read = text if only_strings else coerce("f", {"v": text}, tools).get("v")
            if valid.is_valid(read) and (isinstance(value, str) or read == value) and self._readable(text):
                texts[text] = None
        if not texts:
            return []
        named = [quote(text) for text in texts if text]
        body = quote(tail)
        if named:
            body = f"{self.lark.terminal(' | '.join(named))}{'?' if '' in texts else ''} {body}"
        return [self.lark.lazy(body)]

    def _readable(self, text: str) -> bool:
        if self.excluded_here.search(text):
            return False
        return all((text + tail).find(other) in (-1, len(text)) for tail in self.tails for other in self.tails)


@dataclass(frozen=True)
class JsonValues:
    """Values written as JSON."""

    lark: Lark

    def alternatives(self, at: str, schema: dict, domain: Domain | None, tail: str) -> list[str]:
        """Rule bodies for a value of `schema` (which stands alone) with `tail` behind it."""
        return [f"{body} {quote(tail)}" if tail else body for body in self._values(at, schema, domain)]

    def _values(self, at: str, schema: dict, domain: Domain | None) -> list[str]:
        if domain is None:
            return [self.lark.json(lower(schema, schema))]
        if domain.kind == "items":
            return [self.lark.json(_items(at, schema, domain))]
        if domain.kind == "enum":
            return [self._literals(domain.loaded())]
        ways = _ways(at, schema)
        chunks = [json.dumps(character, ensure_ascii=False)[1:-1] for character in domain.text]
        pieces = self.lark.terminal("%regex " + json.dumps({"substring_chunks": chunks}))
        result = []
        for constraints in ways.texts:
            parts = [pieces, "/(?s:.+)/"]
            for constraint in constraints:
                if "pattern" in constraint:
                    raise GrammarError(f"{at}: a substring domain together with a pattern cannot be enforced in JSON")
                parts.append(f"/{_JSON_CHARACTER}{_length(constraint)}/")
            piece = self.lark.terminal(" & ".join(parts))
            result.append(self.lark.terminal(f'"\\"" {piece} "\\""'))
        values = ways.pieces(domain.text)
        return result + ([self._literals(values)] if values else [])

    def _literals(self, values: list) -> str:
        texts = dict.fromkeys(json.dumps(value, ensure_ascii=False) for value in values)
        return self.lark.terminal(" | ".join(quote(text) for text in texts))


@dataclass
class _Ways:
    """How the values of a schema are written as text."""

    texts: list[list[dict]]
    """Per kind of string: the schemas with minLength, maxLength or pattern that hold for it."""
    values: list
    """Values of enums, not yet held against the whole schema."""
    others: list[dict]
    """Schemas of everything that is no string."""

    def pieces(self, text: str) -> list[str]:
        """The enums' values that are pieces of a text."""
        return [value for value in self.values if isinstance(value, str) and value and value in text]


def _ways(at: str, schema: dict) -> _Ways:
    result = _Ways([], [], [])
    _collect(at, schema, [], schema, result, 0)
    return result


def _collect(at: str, schema: Any, outer: list[dict], root: dict, result: _Ways, depth: int) -> None:
    """outer: schemas that must hold too."""
    if schema is False:
        return
    if depth > 8:
        raise GrammarError(f"{at}: the schema is nested too deeply")
    schema = resolve(schema, root)
    combining = [key for key in ("anyOf", "oneOf", "allOf") if key in schema]
    own = {k: v for k, v in schema.items() if k not in combining and k not in _ANNOTATIONS}
    holding = [*outer, own] if own else outer
    for part in holding:
        if "const" in part or "enum" in part:
            result.values += [part["const"]] if "const" in part else part["enum"]
            return
    if not combining:
        _leaf(holding, result)
        return
    if len(combining) > 1:
        raise GrammarError(f"{at} combines {' and '.join(combining)}")
    branches = schema[combining[0]]
    if combining == ["allOf"]:
        others = [resolve(branch, root) for branch in branches[1:]]
        if any(key in other for other in others for key in ("anyOf", "oneOf", "allOf")):
            raise GrammarError(f"{at} combines allOf with other choices")
        _collect(at, branches[0], [*holding, *others], root, result, depth + 1)
        return
    found = _Ways([], [], [])
    for branch in branches:
        _collect(at, branch, holding, root, found, depth + 1)
    if combining == ["oneOf"]:
        if len(found.texts) > 1 or (found.texts and any(isinstance(value, str) for value in found.values)):
            raise GrammarError(f"{at}: oneOf between several kinds of text cannot be enforced, anyOf can")
        found.others = [{"oneOf": found.others}] if len(found.others) > 1 else found.others
    result.texts += found.texts
    result.values += found.values
    result.others += found.others


def _leaf(holding: list[dict], result: _Ways) -> None:
    types: set[str] | None = None
    for part in holding:
        if "type" in part:
            given = {part["type"]} if isinstance(part["type"], str) else set(part["type"])
            given |= {"integer"} if "number" in given else set()
            types = given if types is None else types & given
    if types is None or "string" in types:
        result.texts.append([part for part in holding if _TEXT_KEYS & part.keys()])
    others = (types or set()) - {"string"} - ({"integer"} if types and "number" in types else set())
    if others:
        parts = [rest for part in holding if (rest := {k: v for k, v in part.items() if k != "type"})]
        merged = parts[0] if len(parts) == 1 else {"allOf": parts} if parts else {}
        result.others.append({"type": sorted(others) if len(others) > 1 else others.pop(), **merged})


def _constraints(constraints: list[dict]) -> list[str]:
    parts = []
    for constraint in constraints:
        if "pattern" in constraint:
            parts.append(f"/{whole(constraint['pattern'])}/")
        if "minLength" in constraint or "maxLength" in constraint:
            parts.append(f"/(?s:.{_length(constraint)})/")
    return parts


def _length(constraint: dict) -> str:
    return (
        f"{{{int(constraint.get('minLength', 0))},{int(constraint['maxLength']) if 'maxLength' in constraint else ''}}}"
    )


def _items(at: str, schema: dict, domain: Domain) -> dict:
    own = resolve(schema, schema)
    least, most = own.get("minItems", 0), own.get("maxItems")
    if own.get("uniqueItems") and (most is None or most > 1):
        raise GrammarError(f"{at} uses 'uniqueItems', which cannot be enforced")
    if not domain.values:
        return {"type": "array", "items": False, "maxItems": 0}
    limits = {"minItems": least} | ({"maxItems": most} if most is not None else {})
    return {"type": "array", "items": {"enum": domain.loaded()}, **limits}


def _validator(schema: dict):
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema)
