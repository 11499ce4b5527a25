"""Tool calls as they travel: read from a model's reply, checked against the tools' schemas, written back as text.

A reply is read either from the `tool_calls` a server parsed (`parse_native`) or from the model's own text, in one of
three wire formats (`FORMATS`): Qwen3-Coder's XML, Hermes' JSON, and fenced text of our own. Both give `Parsed`: the
calls, the text around them, and, where a call is unreadable, a `Rejection` that says what to write instead.
`validate` then holds one call against its schema. All functions are pure. Start in `formats`, then `qwen3_coder` for
a wire format, `schema` for coercion. `call_grammar` and `json_grammar` give the grammars that hold a model to all
this while it writes.
"""

from slm_ext.toolcalls.call import Parsed, ToolCall
from slm_ext.toolcalls.fenced import parse_fenced, render_fenced
from slm_ext.toolcalls.formats import FORMATS, WireFormat, detect, mode_format, wire_format
from slm_ext.toolcalls.grammar import GrammarError, call_grammar, json_grammar
from slm_ext.toolcalls.hermes import parse_hermes, render_hermes
from slm_ext.toolcalls.native import parse_native
from slm_ext.toolcalls.qwen3_coder import looks_like_call, parse_qwen3_coder, render_qwen3_coder
from slm_ext.toolcalls.rejection import Rejection
from slm_ext.toolcalls.schema import coerce, validate
from slm_ext.toolcalls.thinking import Thinking
from slm_ext.toolcalls.vocabulary import Vocabulary

__all__ = [
    "FORMATS",
    "GrammarError",
    "Parsed",
    "Rejection",
    "Thinking",
    "ToolCall",
    "Vocabulary",
    "WireFormat",
    "call_grammar",
    "coerce",
    "detect",
    "json_grammar",
    "looks_like_call",
    "mode_format",
    "parse_fenced",
    "parse_hermes",
    "parse_native",
    "parse_qwen3_coder",
    "render_fenced",
    "render_hermes",
    "render_qwen3_coder",
    "validate",
    "wire_format",
]
