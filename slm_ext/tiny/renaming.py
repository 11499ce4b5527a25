"""Other words for a sketch's variables and for its own name, so that a model reads them instead of remembering them.

Some words are invented: what no tokenizer has whole must be copied piece by piece.
"""

from __future__ import annotations

import builtins
import keyword
import random
import re
from dataclasses import replace

from slm_ext.tiny.execution import Runaway, evaluate
from slm_ext.tiny.families import Sketch
from slm_ext.tiny.mutations import local_names

__all__ = ["drawn_name", "renamed", "retitled"]

_WORDS = """
alpha amber anchor apple arrow badge basin beam bell blade block bloom board bolt bond bound branch brick bridge
brook bundle cable camp card cargo chain chart chunk cliff cloud coast coin core crane creek crest crop crown
cube curve dale data deck delta depot dial disk dock dome draft drift drum dune edge ember entry fence field
flame flask fleet flock flow forge fork frame front frost gate gear glade glass globe grain grid grove guard
guide harbor haul head hedge hill hook hull index inlet iron isle joint keel kit knot lane latch layer leaf
ledge lever light link load lock lot map mark mast meadow mesh mill mint moor node notch oak orbit ore pack pane
patch path peak pearl pier pile pin pine pipe plain plank plate plot pond pool port post quay quilt rack raft
rail ramp range reef ridge ring river rock roof root rope rung sail sand scale seed shelf shell shore slate
slope slot spark spool spot spring stack staff stage star stem step stone store strand stream strip surf table
tank tape tide tile tower track trail tray trunk vale vault vein vent vine wall wave web well wharf wheel wick
wing wire wood yard zone
""".split()  # noqa: SIM905


_SOUNDS = """
ba be bi bo bu ca ce co cu da de di do du fa fe fi fo ga ge gi go ha he hi ho ja jo ka ke ki ko la le li lo lu ma me mi
mo mu na ne ni no nu pa pe pi po ra re ri ro ru sa se si so su ta te ti to tu va ve vi vo wa we wi xa ya yo za ze zo
ar en il on ur st tr pl gr qu sh ck nd
""".split()  # noqa: SIM905

_VERBS = "get find make take count check list merge split clean load read build keep drop sort apply".split()  # noqa: SIM905


def _word(r: random.Random) -> str:
    if r.random() < 0.65:
        return r.choice(_WORDS)
    word = "".join(r.choices(_SOUNDS, k=r.choice((2, 2, 3))))
    return word if not (keyword.iskeyword(word) or hasattr(builtins, word)) else _word(r)


def drawn_name(r: random.Random, parts: tuple[int, ...] = (1, 1, 1, 2)) -> str:
    """A snake_case name of drawn words; `parts` are the numbers of words to choose from."""
    return "_".join(_word(r) for _ in range(r.choice(parts)))


def retitled(r: random.Random, sketch: Sketch) -> Sketch:
    """The sketch under a drawn name."""
    if sketch.source.startswith("class "):
        name = "".join(_word(r).capitalize() for _ in range(r.choice((1, 2))))
    else:
        name = r.choice(("", r.choice(_VERBS) + "_")) + drawn_name(r, (1, 2, 2))
    if re.search(rf"\b{name}\b", sketch.source):
        return sketch
    pattern = re.compile(rf"\b{sketch.name}\b")
    return replace(
        sketch,
        name=name,
        source=pattern.sub(name, sketch.source),
        checks=tuple(pattern.sub(name, c) for c in sketch.checks),
    )


def renamed(r: random.Random, sketch: Sketch) -> Sketch:
    """The sketch with drawn words in code, docstring and `what`.

    The sketch itself where its checks name a parameter, or where the result would not do the same.
    """
    names = [n for n in local_names(sketch.source) if len(n) > 1]
    words = list(dict.fromkeys(drawn_name(r, (1, 1, 1, 1, 2)) for _ in names))
    taken = set(re.findall(r"\w+", sketch.source))
    used = any(re.search(rf"\b{n}\b", check) for n in names for check in sketch.checks)
    if not names or used or len(words) < len(names) or set(words) & taken:
        return sketch
    table = dict(zip(names, words, strict=True))
    pattern = re.compile(r"(?<![\w.])(" + "|".join(map(re.escape, names)) + r")\b(?!\s*=\s*\w+\)|\()")
    source, what = (pattern.sub(lambda m: table[m.group(1)], text) for text in (sketch.source, sketch.what))
    try:
        if evaluate(source, sketch.checks) != evaluate(sketch.source, sketch.checks):
            return sketch
    except (Exception, Runaway):  # a word that was no variable after all
        return sketch
    return replace(sketch, source=source, what=what)
