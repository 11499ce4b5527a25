"""What a `.traj` repeats, taken out before it is parsed.

Since 1.1 SWE-agent writes at each step all messages that were sent, so a file is about as many times larger than its
conversation as the run has steps, and to find the end of what is passed over takes a parser most of its time. Where the
messages of a step begin with those of the step before, byte for byte, they are cut out; the list is called `query+`.

This looks at bytes, not at JSON: it rests on line feeds, which are no part of a text in JSON, and on the indentation
that SWE-agent writes. Whoever parses the result has to see whether there are as many lists as were found here.
"""

from __future__ import annotations

__all__ = ["MORE", "without_repeats"]

MORE = "query+"
_KEY = b'\n      "query": ['
_END = b"\n      ]"


def without_repeats(raw: bytes) -> tuple[bytes, int]:
    """(the document, shorter; lists of sent messages in it). A document written in another way comes back as it is."""
    pieces: list[bytes | memoryview] = []
    whole = memoryview(raw)
    before, done, found = whole[:0], 0, 0
    at = raw.find(_KEY)
    while at >= 0:
        found += 1
        begin = at + len(_KEY)
        known = len(before) if len(before) and raw.startswith(before, begin) else 0
        end = raw.find(_END, begin + known)
        if end < 0:
            return raw, 0
        if known and raw[begin + known : begin + known + 1] in (b",", b"\n"):
            pieces += [whole[done:at], b'\n      "query+": [']
            done = min(begin + known + 1, end)
        before = whole[begin:end]
        at = raw.find(_KEY, end)
    return (b"".join([*pieces, whole[done:]]), found) if pieces else (raw, 0)
