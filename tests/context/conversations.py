"""Conversations as completion's view gives them, made by hand and by hypothesis."""

from __future__ import annotations

import json
import random

from hypothesis import strategies as st

from slm_ext.registry.policies import ContextPolicy

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"What {name} does, in a sentence of common length.",
            "parameters": {"type": "object", "properties": {"path": {"type": "string", "description": "A file."}}},
        },
    }
    for name in ("read_file", "edit_line", "pytest_run", "bash")
]

RESULTS = {
    "read_file": "a.py: lines 1-40 of 80\n",
    "edit_line": "edited a.py line 3\n",
    "pytest_run": "fail: 1 failed, 3 passed\n",
    "bash": "<returncode>0</returncode>\n",
    "submit": "error no_patch: nothing was changed\n",
}


def call(ident: str, name: str, **arguments) -> dict:
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def exchange(ident: str, name: str, content: str, text: str = "", **arguments) -> list[dict]:
    """A call and its result."""
    return [
        {"role": "assistant", "content": text, "tool_calls": [call(ident, name, **arguments)]},
        {"role": "tool", "tool_call_id": ident, "content": content},
    ]


def start(task: str = "Fix the bug in a.py.", system: str = "You act by calling tools.") -> list[dict]:
    return [{"role": "system", "content": system}, {"role": "user", "content": task}]


def lines(characters: int, seed: int = 0) -> str:
    """Text of that length that looks like code."""
    chosen = random.Random(seed)
    words = ["def", "return", "self", "value", "other", "import", "list", "assert", "path", "for", "=", "(", ")", "1"]
    text = ""
    while len(text) < characters:
        text += " ".join(chosen.choices(words, k=chosen.randint(1, 12))) + "\n"
    return text[:characters]


def long_run(exchanges: int = 60, characters: int = 1500) -> list[dict]:
    """A run that reads, edits and tests by turns; every test fails."""
    messages = start()
    for i in range(exchanges):
        name = ("read_file", "bash", "edit_line", "pytest_run")[i % 4]
        arguments = {"command": "ls src"} if name == "bash" else {"path": f"src/part{i}.py"}
        messages += exchange(f"c{i}", name, RESULTS[name] + lines(characters, i), f"Step {i}.", **arguments)
    return messages


def policy(*strategies, **fields) -> ContextPolicy:
    return ContextPolicy.model_validate(({"strategies": list(strategies)} if strategies else {}) | fields)


texts = st.one_of(
    st.text(max_size=30),
    st.builds(lines, st.integers(0, 4000), st.integers(0, 5)),
    st.builds(lambda n: "x" * n, st.integers(0, 3000)),
)


@st.composite
def exchanges_(draw, ident: int) -> list[dict]:
    text = draw(st.text(max_size=40))
    names = draw(st.lists(st.sampled_from(sorted(RESULTS)), max_size=3))
    if not names:
        return [{"role": "assistant", "content": text}, {"role": "user", "content": draw(texts)}]
    calls = [call(f"i{ident}-{i}", name, path=f"p{i}.py") for i, name in enumerate(names)]
    results = [
        {"role": "tool", "tool_call_id": c["id"], "content": RESULTS[n] * draw(st.booleans()) + draw(texts)}
        for c, n in zip(calls, names, strict=True)
    ]
    return [{"role": "assistant", "content": text, "tool_calls": calls}, *results]


@st.composite
def conversations(draw, most: int = 12) -> list[dict]:
    messages = start(draw(texts), "system") if draw(st.booleans()) else start(draw(texts))[1:]
    for i in range(draw(st.integers(0, most))):
        messages += draw(exchanges_(i))
    return messages


@st.composite
def policies(draw) -> ContextPolicy:
    names = draw(st.lists(st.sampled_from(["elide", "truncate", "summarize", "keep_ends"]), max_size=4))
    strategies: list[dict] = []
    for name in names:
        strategy = {"name": name}
        if name == "truncate":
            strategy["max_chars"] = draw(st.sampled_from([1, 150, 200, 500, 2000]))
        else:
            strategy["keep_last"] = draw(st.integers(1, 4))
        if name == "summarize":
            strategy["max_tokens"] = draw(st.sampled_from([1, 40, 400]))
        strategies.append(strategy)
    return ContextPolicy.model_validate(
        {"strategies": strategies, "target": draw(st.sampled_from([0.1, 0.6, 0.9, 1.0]))}
    )
