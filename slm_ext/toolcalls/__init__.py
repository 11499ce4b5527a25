"""Tool calls as they travel: read from a model's reply, checked against the tools' schemas, written back as text.

A reply is read either from the `tool_calls` a server parsed (`parse_native`) or from the model's own text
(`parse_qwen3_coder`). Both give `Parsed`: the calls, the text around them, and, where a call is unreadable, a
`Rejection` that says what to write instead. `validate` then holds one call against its schema. All functions are
pure. Start in `qwen3_coder` for the wire format, `schema` for coercion.
"""

from slm_ext.toolcalls.call import Parsed, ToolCall
from slm_ext.toolcalls.native import parse_native
from slm_ext.toolcalls.qwen3_coder import looks_like_call, parse_qwen3_coder, render_qwen3_coder
from slm_ext.toolcalls.rejection import Rejection
from slm_ext.toolcalls.schema import coerce, validate

__all__ = [
    "Parsed",
    "Rejection",
    "ToolCall",
    "coerce",
    "looks_like_call",
    "parse_native",
    "parse_qwen3_coder",
    "render_qwen3_coder",
    "validate",
]
