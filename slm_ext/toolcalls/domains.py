"""Where arguments' values may come from in one request: `{tool: [case, …]}`, `case = {argument: domain}`.

A domain is `{"enum": [values]}`, `{"substring": text}` (a non-empty contiguous piece of it) or
`{"items": {"enum": [values]}}` (a list of such values). A call fits when it fits one case; arguments that a case does
not name are free within the tool's schema. `cases_of` checks and normalises the cases of a tool, `grouped` merges
them argument by argument, so that three thousand cases of one file name each become one choice among names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from slm_ext.toolcalls.lark import GrammarError
from slm_ext.toolcalls.schema import argument_schema, kinds, resolve

__all__ = ["Case", "Domain", "cases_of", "grouped"]


@dataclass(frozen=True)
class Domain:
    """One argument's domain. Values are kept as JSON texts, so that cases can be compared."""

    kind: str
    """`enum`, `substring` or `items`."""
    values: tuple[str, ...] = ()
    text: str = ""

    def loaded(self) -> list[Any]:
        """The values themselves."""
        return [json.loads(value) for value in self.values]


Case = tuple[Domain | None, ...]
"""One domain per argument, in the order of the tool's schema; None: free."""


def cases_of(name: str, given: list[dict], schema: dict) -> list[Case]:
    """The cases of a tool that its schema leaves a value in every domain of.

    Args:
        schema: the tool's `parameters`.

    Raises:
        GrammarError: a domain of another form, for an argument there is not, or for one of another type.
    """
    keys = list(schema.get("properties") or {})
    result: dict[Case, None] = {}
    schemas = {key: argument_schema(schema, key) or {} for key in keys}
    validators = {key: _validator(schemas[key]) for key in keys}
    for case in given:
        if not isinstance(case, dict):
            raise GrammarError(f"domains of {name}: a case must be an object, not {type(case).__name__}")
        for key in case:
            if key not in keys:
                raise GrammarError(f"domains of {name}: there is no argument {key!r}")
        domains = [
            _domain(f"domains of {name}, {key!r}", case[key], schemas[key], validators[key]) if key in case else None
            for key in keys
        ]
        if _EMPTY not in domains:
            result[tuple(domains)] = None
    return list(result)


def grouped(cases: Iterable[Case]) -> list[tuple[Domain | None, frozenset[Case]]]:
    """The cases by their first domain: `(domain, what the rest of the cases with it allow)`.

    Enums that lead to the same rest are one; a free argument takes in every other domain that leads to its rest.
    """
    rests: dict[Domain | None, set[Case]] = {}
    for case in cases:
        rests.setdefault(case[0], set()).add(case[1:])
    by_rest: dict[frozenset[Case], list[Domain | None]] = {}
    for domain, rest in rests.items():
        by_rest.setdefault(frozenset(rest), []).append(domain)
    result: list[tuple[Domain | None, frozenset[Case]]] = []
    for rest, domains in by_rest.items():
        given = [domain for domain in domains if domain is not None]
        if len(given) < len(domains):
            result.append((None, rest))
            continue
        values = dict.fromkeys(v for domain in given if domain.kind == "enum" for v in domain.values)
        result += [(domain, rest) for domain in given if domain.kind != "enum"]
        if values:
            result.append((Domain("enum", tuple(values)), rest))
    return result


_EMPTY = Domain("enum")


def _domain(at: str, given: Any, schema: dict, validator) -> Domain:
    if not isinstance(given, dict) or len(given) != 1 or not given.keys() <= {"enum", "substring", "items"}:
        raise GrammarError(f'{at}: a domain is {{"enum": […]}}, {{"substring": text}} or {{"items": {{"enum": […]}}}}')
    [(kind, value)] = given.items()
    allowed = kinds(schema)
    if kind == "substring":
        if not isinstance(value, str) or (allowed and "string" not in allowed):
            raise GrammarError(f"{at}: a substring domain needs a text, and an argument that is a string")
        return Domain("substring", text=value) if value else _EMPTY
    if kind == "items":
        if not isinstance(value, dict) or set(value) != {"enum"} or not isinstance(value["enum"], list):
            raise GrammarError(f'{at}: items are given as {{"enum": […]}}')
        if allowed != {"array"}:
            raise GrammarError(f"{at}: an items domain needs an argument that is an array")
        items = resolve(schema, schema).get("items")
        validator = _validator({**schema, "type": "array", "items": items} if items is not None else {})
        values = [v for v in value["enum"] if items is None or _valid_item(validator, v)]
        least = resolve(schema, schema).get("minItems", 0)
        return Domain("items", tuple(_texts(at, values))) if values or not least else _EMPTY
    if not isinstance(value, list):
        raise GrammarError(f"{at}: an enum is a list")
    return Domain("enum", tuple(_texts(at, [v for v in value if validator.is_valid(v)])))


def _valid_item(validator, value: Any) -> bool:
    return not any(error.absolute_path for error in validator.iter_errors([value]))


def _texts(at: str, values: list) -> dict[str, None]:
    try:
        return dict.fromkeys(json.dumps(value, ensure_ascii=False, allow_nan=False) for value in values)
    except (TypeError, ValueError) as error:
        raise GrammarError(f"{at}: a value is not JSON ({error})") from None


def _validator(schema: dict):
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema)
