"""Function families over lists: counting, slicing, windows; those on search and order stand in `ordering`."""

from __future__ import annotations

import random

from slm_ext.tiny.families import ordering  # noqa: F401 - registers its families with this group
from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import comparison, function


@family("lists")
def count_compared(r: random.Random) -> Sketch:
    op, word, phrase = comparison(r)
    m = r.randint(2, 9)
    return function(
        r, names=f"count_{word} count_${{xs}}_{word} how_many_{word}", params="$xs, $limit",
        noun="stats metrics readings",
        hints="list[int]; int -> int", op=op,
        what=f"the number of $xs {phrase} $limit|how many $xs are {phrase} $limit",
        bodies="""
            $total = 0
            for $x in $xs:
                if $x $op $limit:
                    $total += 1
            return $total
            ---
            return sum(1 for $x in $xs if $x $op $limit)
            ---
            return len([$x for $x in $xs if $x $op $limit])
        """,
        checks=f"$f([{m - 1}, {m}, {m + 4}, {m + 5}], {m}); $f([], {m}); $f([{m}], {m}); $f([{m}, {m}, {m - 2}], {m})"
        f"\n$f([-{m}, 0, {m}], 0); $f([{m + 1}, {m + 2}, {m - 1}], {m}); $f([-4, -3, -2, -1, 0, 1], -2)",
    )  # fmt: skip


@family("lists")
def running(r: random.Random) -> Sketch:
    word, start, op = r.choice([("total", "0", "+"), ("sum", "0", "+"), ("product", "1", "*"), ("product", "1", "*")])
    said = "product" if word == "product" else "sum"
    return function(
        r, names=f"running_{word} cumulative_{word} prefix_{word}s", params="$xs", noun="stats ledger series",
        hints="list[int] -> list[int]",
        what=f"the running {said} of $xs, one entry per element|"
        f"a list whose entry i is the {said} of $xs up to and including i",
        bodies="""
            $total = $start
            $out = []
            for $x in $xs:
                $total $op= $x
                $out.append($total)
            return $out
            ---
            $out = []
            for $i, $x in enumerate($xs):
                if $i == 0:
                    $out.append($x)
                else:
                    $out.append($out[$i - 1] $op $x)
            return $out
        """,
        checks="$f([1, 2, 3, 4]); $f([]); $f([5]); $f([-2, 2, 3]); $f([4, 4, 1]); $f([3, 0, 7])", start=start, op=op,
    )  # fmt: skip


@family("lists")
def differences(r: random.Random) -> Sketch:
    kind = r.choice(["later", "absolute", "drops"])
    names, said, expr = {
        "later": ("differences steps_between increases", "each element of $xs minus the one before it", "{b} - {a}"),
        "absolute": ("gaps absolute_differences distances", "the absolute differences of neighbouring $xs",
                     "abs({b} - {a})"),
        "drops": ("drops decreases", "how far $xs drop at each step: every element minus the one after it",
                  "{a} - {b}"),
    }[kind]  # fmt: skip
    return function(
        r, names=names, params="$xs", noun="series stats signal", hints="list[int] -> list[int]", what=said,
        bodies="""
            $out = []
            for $i in range(1, len($xs)):
                $out.append($by_one)
            return $out
            ---
            return [$by_pair for $prev, $x in zip($xs, $xs[1:])]
            ---
            return [$by_next for $i in range(len($xs) - 1)]
        """.replace("$by_one", expr.format(a="$xs[$i - 1]", b="$xs[$i]"))
        .replace("$by_pair", expr.format(a="$prev", b="$x"))
        .replace("$by_next", expr.format(a="$xs[$i]", b="$xs[$i + 1]")),
        checks="$f([1, 4, 9]); $f([]); $f([7]); $f([5, 2]); $f([3, 3, 1, 8]); $f([-2, 2, -3])",
    )  # fmt: skip


@family("lists")
def chunked(r: random.Random) -> Sketch:
    full = r.choice([True, False])
    size = r.choice(["size", "width", "length"])
    names = "full_chunks complete_groups whole_batches" if full else "chunks split_into_chunks batches"
    said = "leaving out a shorter rest" if full else "the last one may be shorter"
    stop = f"len($xs) - {size} + 1" if full else "len($xs)"
    rest = "" if full else "if group:\n                $out.append(group)\n            "
    return function(
        r, names=names, params=f"$xs, {size}", noun="batches paging lists", hints="list[int]; int -> list[list[int]]",
        what=f"$xs cut into lists of {size} elements, {said}|consecutive groups of {size} $xs, {said}",
        bodies=f"""
            $out = []
            for start in range(0, {stop}, {size}):
                $out.append($xs[start : start + {size}])
            return $out
            ---
            end = {stop}
            return [$xs[$i : $i + {size}] for $i in range(0, end, {size})]
            ---
            $out = []
            group = []
            for $x in $xs:
                group.append($x)
                if len(group) == {size}:
                    $out.append(group)
                    group = []
            {rest}return $out
        """,
        checks="$f([1, 2, 3, 4, 5], 2); $f([], 3); $f([1], 1); $f([1, 2, 3], 3); $f([1, 2], 3); $f([1, 2, 3, 4], 1)"
        "\n$f([9, 8, 7, 6], 2); $f([1, 2, 3, 4, 5, 6, 7], 3)",
    )  # fmt: skip


@family("lists")
def rotated(r: random.Random) -> Sketch:
    side = r.choice(["left", "right"])
    n = r.choice(["steps", "places", "shift"])
    bodies = """
            if not $xs:
                return []
            cut = {n} % len($xs)
            return $xs[cut:] + $xs[:cut]
            ---
            size = len($xs)
            return [$xs[($i + {n}) % size] for $i in range(size)]
    """ if side == "left" else """
            if not $xs:
                return []
            cut = len($xs) - {n} % len($xs)
            return $xs[cut:] + $xs[:cut]
            ---
            size = len($xs)
            return [$xs[($i - {n}) % size] for $i in range(size)]
    """  # fmt: skip
    return function(
        r, names=f"rotate_{side} shift_{side} cycle_{side}", params=f"$xs, {n}", noun="lists rotation buffers",
        hints="list[int]; int -> list[int]", bodies=bodies.replace("{n}", n),
        what=f"$xs rotated to the {side} by {n}|a copy of $xs moved {n} places to the {side}, wrapping around".replace(
            f"{n} places", n if n == "places" else f"{n} places"
        ),
        checks="$f([1, 2, 3, 4], 1); $f([], 2); $f([7], 5); $f([1, 2, 3], 3); $f([1, 2, 3], 5); $f([1, 2, 3, 4, 5], 2)"
        "\n$f([1, 2, 3], 0)",
    )  # fmt: skip


@family("lists")
def deduped(r: random.Random) -> Sketch:
    last = r.choice([True, False])
    which = "last" if last else "first"
    source, end = ("reversed($xs)", "[::-1]") if last else ("$xs", "")
    plain = "" if last else "unique_in_order dedupe "
    return function(
        r, names=f"{plain}dedupe_keep_{which} unique_keep_{which}", params="$xs", noun="lists cleaning records",
        hints="list[int] -> list[int]",
        what=f"$xs without repeats, keeping the {which} of equal ones in order|"
        f"the distinct $xs, each at the place of its {which} appearance",
        bodies=f"""
            $seen = set()
            $out = []
            for $x in {source}:
                if $x not in $seen:
                    $seen.add($x)
                    $out.append($x)
            return $out{end}
            ---
            $out = []
            for $x in {source}:
                if $x in $out:
                    continue
                $out.append($x)
            return $out{end}
            ---
            return [$x for i, $x in enumerate($xs) if $x not in $xs[{"i + 1 :" if last else ":i"}]]
        """,
        checks="$f([1, 2, 1, 3, 2]); $f([]); $f([4]); $f([5, 5, 5]); $f(['b', 'a', 'b']); $f([1, 2, 3]);"
        "$f([0, -1, 0])",
    )  # fmt: skip


@family("lists")
def window(r: random.Random) -> Sketch:
    word, call = r.choice([("sums", "sum"), ("maxima", "max"), ("minima", "min")])
    n = r.choice(["size", "width", "span"])
    return function(
        r, names=f"window_{word} sliding_{word} moving_{word}", params=f"$xs, {n}", noun="series signal smoothing",
        hints="list[int]; int -> list[int]",
        what=f"the {call} of every window of {n} neighbouring $xs, full windows only|"
        f"a list with the {call} of each run of {n} consecutive $xs",
        bodies=f"""
            $out = []
            for start in range(len($xs) - {n} + 1):
                $out.append({call}($xs[start : start + {n}]))
            return $out
            ---
            return [{call}($xs[$i : $i + {n}]) for $i in range(len($xs) - {n} + 1)]
            ---
            $out = []
            for end in range({n}, len($xs) + 1):
                $out.append({call}($xs[end - {n} : end]))
            return $out
        """,
        checks="$f([1, 2, 3, 4], 2); $f([], 2); $f([5], 1); $f([5, 6], 3); $f([4, 1, 7], 3); $f([3, -1, 2, 8, 0], 3)",
    )  # fmt: skip


@family("lists", held_out=True)
def interleaved(r: random.Random) -> Sketch:
    rest = r.choice([True, False])
    a, b = r.choice([("left", "right"), ("first", "second"), ("ours", "theirs")])
    names = "interleave alternate_all weave" if rest else "interleave_short alternate_pairs"
    said = "then the rest of the longer one" if rest else "stopping with the shorter one"
    tail = f"$out.extend({a}[shorter:])\n            $out.extend({b}[shorter:])\n            " if rest else ""
    return function(
        r, names=names, params=f"{a}, {b}", noun="lists merging playlists", hints="list[int]; list[int] -> list[int]",
        what=f"the elements of {a} and {b} in turn, {a} first, {said}",
        bodies=f"""
            $out = []
            shorter = min(len({a}), len({b}))
            for $i in range(shorter):
                $out.append({a}[$i])
                $out.append({b}[$i])
            {tail}return $out
        """,
        checks="$f([1, 3], [2, 4]); $f([], []); $f([1], []); $f([], [2]); $f([1, 2, 3], [9]); $f([5], [6, 7, 8]);"
        "$f([4], [4])",
    )  # fmt: skip
