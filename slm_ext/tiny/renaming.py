"""Other words for a sketch's parameters and variables, so that a model reads them instead of remembering them."""

from __future__ import annotations

import random
import re
from dataclasses import replace

from slm_ext.tiny.execution import Runaway, evaluate
from slm_ext.tiny.families import Sketch
from slm_ext.tiny.mutations import local_names

__all__ = ["renamed"]

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


def renamed(r: random.Random, sketch: Sketch) -> Sketch:
    """The sketch with drawn words in code, docstring and `what`.

    The sketch itself where its checks name a parameter, or where the result would not do the same.
    """
    names = [n for n in local_names(sketch.source) if len(n) > 1]
    words = r.sample(_WORDS, len(names))
    taken = set(re.findall(r"\w+", sketch.source))
    used = any(re.search(rf"\b{n}\b", check) for n in names for check in sketch.checks)
    if not names or used or set(words) & taken:
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
