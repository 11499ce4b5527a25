"""What two episodes have in common: hashes of all they hold, a MinHash signature of their actions, a sketch of their
issues.

Signatures are datasketch's (MinHash of Broder 1997, its scheme `affine32`), number for number; they are made here,
since to import it takes each process longer than the fingerprints of a hundred runs. 64 permutations tell similarities
apart to about 0.1. A sketch is the smallest hashes of a text's runs of words (bottom-k, Cohen and Kaplan 2007): unlike
a signature it still says something of a text after the words that it shares with all others were taken out.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from slm_ext.datasets.episode import Episode

if TYPE_CHECKING:
    import numpy

__all__ = ["PERMUTATIONS", "SKETCHES", "Fingerprint", "fingerprint", "ngrams", "signature", "sketch", "words_of"]

PERMUTATIONS = 64
SKETCHES = _SKETCH, _SKETCH_OF_PROMPT = 64, 512
"""Most hashes of an issue, and of a whole prompt, much of which is instructions."""
_LONG_PROMPT = 400
"""Words."""
_SHINGLE = 5
_AT_ONCE = 10_000
"""Hashes that are permuted in one go."""
_PRIME = 0x9E3779B97F4A7C15
_WORD = re.compile(r"\w+")


class Fingerprint(msgspec.Struct):
    """What the stages that compare episodes know of one."""

    exact: bytes
    """Hash of issue and actions."""
    actions: bytes
    """MinHash of the actions: 64 numbers of 4 bytes, little-endian; empty where there are none."""
    issue: bytes
    """Sketch of the issue: up to 512 numbers of 4 bytes, little-endian, ascending; empty where there is no word."""


def fingerprint(episode: Episode) -> Fingerprint:
    """The fingerprint of an episode; ids of calls and of runs do not count."""
    actions = [_action(step.reply, step.tool, step.arguments) for step in episode.steps if step.status == "ok"]
    exact = hashlib.sha256(json.dumps([episode.issue, actions], ensure_ascii=True).encode()).digest()[:16]
    issue = episode.issue
    whole_prompt = not episode.marked_issue and len(words_of(issue)) > _LONG_PROMPT
    return Fingerprint(
        exact, signature(" ".join(actions)), sketch(issue, _SKETCH_OF_PROMPT if whole_prompt else _SKETCH)
    )


def signature(text: str) -> bytes:
    """The MinHash signature of a text's runs of words; empty where it has no word."""
    import numpy

    shingles = _shingles(text)
    if not len(shingles):
        return b""
    a, b = _permutations()
    parts = (_mixed(shingles[at : at + _AT_ONCE]) for at in range(0, len(shingles), _AT_ONCE))
    least = numpy.min([(a * hashes + b).min(axis=1) for hashes in parts], axis=0)
    return least.astype("<u4").tobytes()


def sketch(text: str, size: int = _SKETCH) -> bytes:
    """The `size` smallest hashes of a text's runs of words; empty where it has no word."""
    import numpy

    return numpy.unique(_shingles(text))[:size].astype("<u4").tobytes()


def words_of(text: str) -> list[str]:
    """Lower-case words."""
    return _WORD.findall(text.lower())


def ngrams(text: str, size: int) -> set[int]:
    """Hashes of all runs of `size` words, 8 bytes each; of a shorter text that of the whole."""
    words = words_of(text)
    if not words:
        return set()
    spans = (" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1)))
    return {_hash(span) for span in spans}


def _action(reply: dict, tool: str, arguments: dict) -> str:
    return " ".join([str(reply.get("content") or ""), tool, json.dumps(arguments, ensure_ascii=False, sort_keys=True)])


def _shingles(text: str) -> numpy.ndarray:
    """Hashes of all runs of five words, 4 bytes each; of a shorter text that of the whole. Each is a polynomial in the
    CRCs of its words, mixed as MurmurHash3 ends: it has to spread, nobody attacks it."""
    import numpy

    words = words_of(text)
    codes = numpy.fromiter(map(crc32, map(str.encode, words)), dtype=numpy.uint64, count=len(words))
    size = min(_SHINGLE, len(words))
    made = numpy.zeros(len(words) - size + 1 if words else 0, dtype=numpy.uint64)
    for i in range(size):
        made = made * numpy.uint64(_PRIME) + codes[i : i + len(made)]
    made ^= made >> numpy.uint64(33)
    made *= numpy.uint64(0xFF51AFD7ED558CCD)
    made ^= made >> numpy.uint64(33)
    return made.astype(numpy.uint32)


def _mixed(hashes: numpy.ndarray) -> numpy.ndarray:
    """MurmurHash3's end, by which datasketch spreads hashes before it permutes them."""
    import numpy

    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        hashes = (hashes ^ (hashes >> numpy.uint32(shift))) * numpy.uint32(factor)
    return hashes


@cache
def _permutations() -> tuple[numpy.ndarray, numpy.ndarray]:
    """Factors and summands, a column each, as datasketch draws them."""
    import numpy

    draw = numpy.random.RandomState(1)
    factors = draw.randint(0, 1 << 31, PERMUTATIONS, dtype=numpy.uint32) * numpy.uint32(2) + numpy.uint32(1)
    return factors[:, None], draw.randint(0, 1 << 32, PERMUTATIONS, dtype=numpy.uint32)[:, None]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
