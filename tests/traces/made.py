"""Traces as hypothesis makes them: conversations that grow by replies and what they brought, as hosts have them."""

import json
from pathlib import Path

from hypothesis import strategies as st

from slm_ext.traces import Call, Trace, Turn
from slm_ext.traces.trace import refused

TEXTS = st.text(max_size=12) | st.sampled_from(["\x00", "\u2028", '"}]\\', "", "déjà"])
NAMES = st.sampled_from(["bash", "edit_line", "submit", "überall"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
NUMBERS = st.none() | st.integers(0, 10**6)


@st.composite
def traces(draw):
    """With rejected replies, calls read from texts, several calls at once, words in between, and hosts that forget."""
    messages = tuple(
        draw(st.lists(st.builds(_said, st.sampled_from(["system", "user"]), TEXTS), min_size=1, max_size=3))
    )
    if draw(st.booleans()):
        messages += (_said("assistant", draw(TEXTS)), _said("user", draw(TEXTS)))
    turns, step, attempt = [], 1, 1
    for number in range(draw(st.integers(0, 6))):
        messages = messages[: draw(st.integers(0, len(messages)))] if draw(st.integers(0, 5)) == 0 else messages
        messages += tuple(draw(st.lists(st.builds(_said, st.sampled_from(["user", "system"]), TEXTS), max_size=1)))
        kind = draw(st.sampled_from(["native", "native", "text", "rejected", "silent", "words"]))
        turn, brought = _turn(draw, kind, (step, attempt), messages, f"call_{number}")
        turns.append(turn)
        messages += brought
        step, attempt = (step, attempt + 1) if kind == "rejected" else (step + 1, 1)
    return Trace(
        source=Path("made.json"), instance_id=draw(st.sampled_from(["a__b-1", "x"])), run_id="run",
        host=draw(st.sampled_from(["mini", "sweagent", ""])), turns=tuple(turns),
        resolved=draw(st.none() | st.booleans()), submitted=draw(st.none() | st.booleans()),
        exit_status=draw(st.none() | TEXTS), attempt=draw(st.integers(1, 3)), patch=draw(st.none() | TEXTS),
        license=draw(st.none() | TEXTS), tools=draw(st.sampled_from([{}, {"given": [{"type": "function"}]}])),
    )  # fmt: skip


def _turn(draw, kind, at, messages, ident):
    """(the turn, what it adds to the conversation)."""
    content, observation = draw(TEXTS), draw(st.none() | TEXTS)
    fields = {
        "model": draw(st.none() | st.sampled_from(["m", "n"])), "provider": draw(st.none() | st.just("p")),
        "prompt_tokens": draw(NUMBERS), "cached_tokens": draw(NUMBERS), "reply_tokens": draw(NUMBERS),
        "seconds": draw(st.none() | st.floats(0, 1e4)), "thought": draw(TEXTS),
        "ended_at": draw(st.none() | st.integers(0, 4 * 10**12).map(lambda n: n / 1000)),
    }  # fmt: skip
    said = {"role": "assistant", "content": content}
    brought = () if observation is None else (_said("user", observation),)
    if kind == "silent":
        call = Call(draw(st.sampled_from(["interrupted", "overflow"])), said=draw(TEXTS), **fields)
        return Turn(*at, messages, (call,), None), ()
    if kind in ("words", "rejected"):
        status = "ok" if kind == "words" else "rejected"
        reply = said
        if kind == "rejected" and draw(st.booleans()):
            reply = said | {"tool_calls": [_call(draw, ident, draw(TEXTS))]}
        after = said if kind == "words" else refused(content, reply.get("tool_calls", ()))
        return Turn(*at, messages, (Call(status, reply=reply, **fields),), observation), (after, *brought)
    arguments, tool, report = draw(OBJECTS), draw(NAMES), draw(st.none() | OBJECTS)
    written = json.dumps(arguments, separators=draw(st.sampled_from([None, (",", ":")])))
    made = [_call(draw, ident, written, tool)]
    if draw(st.integers(0, 3)) == 0:
        made.append(_call(draw, ident + "b", "{}"))
    shown = said | {"tool_calls": made}
    if kind == "native" and observation is not None:
        brought = tuple({"role": "tool", "tool_call_id": one["id"], "content": observation} for one in made)
    before = [Call("resampled", prompt_tokens=3)] if draw(st.booleans()) else []
    answer = Call("ok", tool=tool, arguments=arguments, reply=shown if kind == "native" else said, **fields)
    return Turn(*at, messages, (*before, answer), observation, report), (shown, *brought)


def _call(draw, ident, arguments, name=None):
    return {"id": ident, "type": "function", "function": {"name": name or draw(NAMES), "arguments": arguments}}


def _said(role, content):
    return {"role": role, "content": content}
