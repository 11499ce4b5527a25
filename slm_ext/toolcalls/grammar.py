"""Grammars for constrained decoding, as llguidance's Lark text: calls of a request's tools in a model's wire format,
and JSON of a schema.

Whatever a grammar admits is read by the format's parser and held by `validate` without a word. The text depends on
no tokenizer, but one thing must hold of the tokenizer it is compiled for: tokens such as `<tool_call>` that are no
end of a turn are plain text there (`vocabulary.py`). Nothing here imports llguidance. Read on in `grammar_values`
(one value), `lowering` (JSON schema) and `domains`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from slm_ext.toolcalls.domains import Case, Domain, cases_of, grouped
from slm_ext.toolcalls.fenced import line_name
from slm_ext.toolcalls.formats import WireFormat, wire_format
from slm_ext.toolcalls.grammar_values import JsonValues, TextValues
from slm_ext.toolcalls.lark import ANY_TEXT, GrammarError, Lark, containing, quote
from slm_ext.toolcalls.lowering import lower
from slm_ext.toolcalls.qwen3_coder import tag_name
from slm_ext.toolcalls.schema import argument_schema, names, parameters
from slm_ext.toolcalls.thinking import NO_THINKING, Thinking

__all__ = ["GrammarError", "call_grammar", "json_grammar"]

_LINES = "/\\n{0,2}/"


def call_grammar(
    tools: list[dict],
    wire: WireFormat | str,
    *,
    choice: str = "auto",
    parallel: bool = True,
    domains: dict[str, list[dict]] | None = None,
    thought_chars: int = 0,
    thinking: Thinking = NO_THINKING,
) -> str:
    """The grammar of a reply.

    Args:
        tools: the OpenAI list.
        wire: the model's format, or its name.
        choice: `auto`: text in which no call opens, then calls; `required`: calls; `none`: text in which no call
            opens; else the name of the one tool to call.
        parallel: whether a newline and another call may follow a call. Nothing else may.
        domains: `{tool: [case, …]}`, see `domains`; a call must fit one case. A tool with no case left, or none whose
            values the format can carry, cannot be called; if that holds for every tool, domains are left out of
            account.
        thought_chars: with `required` or a name, how many characters of text may come before the first call.
        thinking: what may come before all this.

    Raises:
        GrammarError: a schema feature, a domain or a choice that cannot be enforced.
    """
    wire = wire if isinstance(wire, WireFormat) else wire_format(wire)
    lark = Lark()
    forms = _forms(wire.name, lark)
    for name in domains or {}:
        if name not in names(tools):
            raise GrammarError(f"domains are given for {name!r}, which is none of the tools: {', '.join(names(tools))}")
    if choice not in ("auto", "required", "none"):
        if choice not in names(tools):
            raise GrammarError(f"tool_choice names {choice!r}, which is none of the tools: {', '.join(names(tools))}")
        tools = [tool for tool in tools if tool["function"]["name"] == choice]
    if not tools and choice == "required":
        raise GrammarError("tool_choice is required, but there are no tools")
    if len(set(names(tools))) < len(tools):
        raise GrammarError("two tools have the same name")
    free = lark.terminal(f"{ANY_TEXT} & ~{forms[0].opening} & ~{thinking.begun}")
    parts = []
    if thinking.opened:
        parts = [lark.lazy(thinking.rest)]
    elif choice in ("auto", "none") or (thinking.own and thought_chars):
        parts = [f"({lark.lazy(thinking.whole)})?"]
    elif thinking.own:
        parts = [f"({lark.lazy(thinking.whole)} {_LINES})?"]
    if choice == "none" or not tools:
        return lark.text(" ".join([*parts, free]))
    cases = _open_cases(tools, domains)
    opened, again, written = [], [], set()
    for form in forms:
        rules = {name: _Tool(form, name, parameters(tools, name)).rule(cases[name]) for name in cases}
        rules = {name: rule for name, rule in rules.items() if rule is not None}
        written |= set(rules)
        if not rules:
            continue
        body = lark.rule(" | ".join(rules.values()))
        opened.append(f"{_opening(lark, form, choice, thought_chars, thinking)} {body}")
        again.append(lark.rule(f"{quote(form.opener)} {body}"))
    for name in cases:
        if name not in written and name not in (domains or {}):
            raise GrammarError(f"no call of {name} can be written: an argument it requires has no value in {wire.name}")
    if not written:
        return call_grammar(
            tools, wire, choice=choice, parallel=parallel, thought_chars=thought_chars, thinking=thinking
        )
    calls = lark.rule(" | ".join(opened))
    if parallel:
        calls = f'{calls} ("\\n" ({" | ".join(again)}))*'
    return lark.text(" ".join([*parts, f"({free} | {calls})" if choice == "auto" else calls]))


def json_grammar(schema: dict | bool, *, thinking: Thinking = NO_THINKING) -> str:
    """The grammar of one JSON text: `response_format`'s `json_schema`.

    Args:
        schema: `{"type": "object"}` for `json_object`.
        thinking: what comes, or may come, before it, with at most two newlines.

    Raises:
        GrammarError: a schema feature that cannot be enforced.
    """
    lark = Lark()
    body = lark.json(lower(schema, schema if isinstance(schema, dict) else {}))
    if thinking.opened:
        body = f"{lark.lazy(thinking.rest)} {_LINES} {body}"
    elif thinking.own:
        body = f"({lark.lazy(thinking.whole)} {_LINES})? {body}"
    return lark.text(body)


@dataclass(frozen=True)
class _Form:
    """A format's fixed texts around names and values. Where fences have lengths, there is one form per length."""

    lark: Lark
    opener: str
    opening: str
    """The terminal expression of every text in which a call opens."""
    begins_line: bool
    start: str
    """After the opener, `{}` stands for the tool's name."""
    first: str
    """Before the first value, `{}` stands for the argument's name."""
    later: str
    tails: tuple[tuple[str, bool, bool], ...]
    """What stands right behind a value: (text, whether another may follow, whether the call may end)."""
    end: str
    end_empty: str
    """In the place of the first argument, where there is none."""
    name: Any
    values: TextValues | JsonValues


def _forms(name: str, lark: Lark) -> list[_Form]:
    if name == "hermes":
        return [_hermes(lark)]
    if name == "qwen3_coder":
        return [_qwen3_coder(lark)]
    return [_fenced(lark, 3), _fenced(lark, 4)]


def _qwen3_coder(lark: Lark) -> _Form:
    ending = r"<\/parameter>[ \t\r\n]*(<parameter=|<\/function>|<\/tool_call>)"
    tail, end = "\n</parameter>", "\n</function>\n</tool_call>"
    return _Form(
        lark=lark,
        opener="<tool_call>",
        opening=containing("<tool_call>", "<function="),
        begins_line=False,
        start="\n<function={}>",
        first="\n<parameter={}>\n",
        later="\n<parameter={}>\n",
        tails=((tail, True, True),),
        end=end,
        end_empty=end,
        name=tag_name,
        values=TextValues(lark, containing(ending), re.compile(ending), ("</parameter>",), (tail,)),
    )


def _hermes(lark: Lark) -> _Form:
    return _Form(
        lark=lark,
        opener="<tool_call>",
        opening=containing("<tool_call>"),
        begins_line=False,
        start='\n{{"name": {}, "arguments": {{',
        first="{}: ",
        later=", {}: ",
        tails=(("", True, True),),
        end="}}\n</tool_call>",
        end_empty="}}\n</tool_call>",
        name=lambda name: json.dumps(name, ensure_ascii=False),
        values=JsonValues(lark),
    )


def _fenced(lark: Lark, length: int) -> _Form:
    fence, marker = "`" * length, "-" * length
    line = rf"({fence}|{marker}[ \t])"
    tails = (f"\n{marker} ", f"\n{fence}")
    return _Form(
        lark=lark,
        opener=f"{fence}tool ",
        opening=containing("```tool"),
        begins_line=True,
        start="{}",
        first=f"\n{marker} {{}}\n",
        later="{}\n",
        tails=((tails[0], True, False), (tails[1], False, True)),
        end="",
        end_empty=f"\n{fence}",
        name=line_name,
        values=TextValues(
            lark, rf"/((?s:.*)\n)?{line}(?s:.*)/", re.compile(rf"(?:\A|\n){line}"), (fence, marker), tails
        ),
    )


def _opening(lark: Lark, form: _Form, choice: str, thought_chars: int, thinking: Thinking) -> str:
    """The first call's opener, with the free text before it."""
    if choice != "auto" and not thought_chars:
        return lark.rule(f"{_LINES} {quote(form.opener)}") if thinking.opened else quote(form.opener)
    text = ANY_TEXT if choice == "auto" else f"/(?s:.{{0,{int(thought_chars)}}})/"
    parts = [text, f"~{form.opening}", f"~{thinking.begun}"]
    if form.begins_line:
        parts.append("/((?s:.*)\\n)?/")
    return lark.lazy(f"{lark.terminal(' & '.join(parts))} {quote(form.opener)}")


def _open_cases(tools: list[dict], domains: dict[str, list[dict]] | None) -> dict[str, frozenset[Case]]:
    """The cases of every tool that can be called."""
    result: dict[str, frozenset[Case]] = {}
    free: dict[str, frozenset[Case]] = {}
    for name in names(tools):
        schema = parameters(tools, name)
        free[name] = frozenset({(None,) * len(schema.get("properties") or {})})
        if domains is None or name not in domains:
            result[name] = free[name]
        elif cases := cases_of(name, domains[name], schema):
            result[name] = frozenset(cases)
    return result or free


class _Tool:
    """The rules of one tool's call, from its name to its end."""

    def __init__(self, form: _Form, name: str, schema: dict):
        self.form, self.lark, self.name = form, form.lark, name
        properties, required = schema.get("properties") or {}, schema.get("required") or []
        for key in required:
            if properties.get(key, False) is False:
                raise GrammarError(f"{name} requires {key!r}, for which its schema admits no value")
        self.keys = list(properties)
        self.schemas = [argument_schema(schema, key) or {} for key in self.keys]
        self.usable = [properties[key] is not False for key in self.keys]
        self.required = [key in required for key in self.keys]
        self.memo: dict[Any, str | None] = {}

    def rule(self, cases: frozenset[Case]) -> str | None:
        """The rule for a call that fits one of the cases; None when none can be written."""
        start = quote(self.form.start.format(self.form.name(self.name)))
        bodies = [rule] if (rule := self.more(0, cases, self.form.first)) else []
        if not any(self.required):
            bodies.append(quote(self.form.end_empty))
        return self.lark.rule(f"{start} ({' | '.join(bodies)})") if bodies else None

    def more(self, at: int, cases: frozenset[Case], before: str) -> str | None:
        """The rule for at least one argument from position `at` on; None when there is none."""
        key = ("more", at, cases, before)
        if key not in self.memo:
            bodies = []
            for k in range(at, len(self.keys)):
                rest = frozenset(case[k - at :] for case in cases)
                if self.usable[k]:
                    literal = quote(before.format(self.form.name(self.keys[k])))
                    values = [self.value(k, domain, after) for domain, after in grouped(rest)]
                    bodies += [f"{literal} {value}" for value in values if value]
                if self.required[k]:
                    break
            self.memo[key] = self.lark.rule(" | ".join(bodies)) if bodies else None
        return self.memo[key]

    def value(self, k: int, domain: Domain | None, after: frozenset[Case]) -> str | None:
        """The rule for the k-th argument's value and everything behind it."""
        key = ("value", k, domain, after)
        if key not in self.memo:
            bodies, where = [], f"{self.name}, argument {self.keys[k]!r}"
            for tail, another, may_end in self.form.tails:
                behind = [rule] if another and (rule := self.more(k + 1, after, self.form.later)) else []
                ends = may_end and not any(self.required[k + 1 :])
                if ends and self.form.end:
                    behind.append(quote(self.form.end))
                if not behind and not ends:
                    continue
                rest = f" ({' | '.join(behind)})" if behind else ""
                bodies += [f"{v}{rest}" for v in self.form.values.alternatives(where, self.schemas[k], domain, tail)]
            self.memo[key] = self.lark.rule(" | ".join(bodies)) if bodies else None
        return self.memo[key]
