"""Function families over lists: searching, ranking and order (group `lists`)."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import OPPOSITE, comparison, function


@family("lists")
def index_of_extreme(r: random.Random) -> Sketch:
    kind, op, said = r.choice([("largest", ">", "max"), ("smallest", "<", "min")])
    which = r.choice(["first", "last"])
    strict = op if which == "first" else op + "="
    name = r.choice([f"{which}_index_of_{said}", f"{which}_{kind}_index", f"index_of_{which}_{said}"])
    return function(
        r, names=name, params="$xs", noun="stats search ranking", hints="list[int] -> int", op=strict,
        what=f"the index of the {kind} of $xs (the {which} one on ties), or -1 for an empty list|"
        f"the position of the {which} {kind} entry of $xs, -1 if there is none",
        bodies="""
            if not $xs:
                return -1
            $best = 0
            for $i in range(1, len($xs)):
                if $xs[$i] $op $xs[$best]:
                    $best = $i
            return $best
            ---
            $best = -1
            for $i, $x in enumerate($xs):
                if $best == -1 or $x $op $xs[$best]:
                    $best = $i
            return $best
        """,
        checks="$f([3, 9, 1, 9, 1]); $f([]); $f([5]); $f([2, 2]); $f([9, 1, 4]); $f([-1, -5, -5, -1]); $f([1, 2, 3])",
    )  # fmt: skip


@family("lists")
def second_extreme(r: random.Random) -> Sketch:
    kind, at, far = r.choice([("largest", "-2", True), ("smallest", "1", False)])
    distinct = r.choice([True, False])
    known = {"at": at, "op": ">" if far else "<", "pick": "max" if far else "min"}
    if distinct:
        names = f"second_{kind}_distinct second_{kind}_different"
        said = f"the second {kind} distinct value of $xs, or None|the {kind} of $xs but one, repeats as one, or None"
        bodies = """
            ordered = sorted(set($xs))
            if len(ordered) < 2:
                return None
            return ordered[$at]
            ---
            $best = $pick($xs, default=None)
            rest = [$x for $x in $xs if $x != $best]
            if not rest:
                return None
            return $pick(rest)
        """
    else:
        names = f"second_{kind} runner_up_{kind}"
        said = f"the second {kind} of $xs (repeats count again), or None if there are fewer than 2"
        bodies = """
            if len($xs) < 2:
                return None
            return sorted($xs)[$at]
            ---
            $best = second = None
            for $x in $xs:
                if $best is None or $x $op $best:
                    second = $best
                    $best = $x
                elif second is None or $x $op second:
                    second = $x
            return second
        """
    return function(
        r, names=names, params="$xs", noun="ranking stats contest", hints="list[int] -> int | None", what=said,
        bodies=bodies,
        checks="$f([4, 9, 7]); $f([]); $f([3]); $f([5, 5]); $f([5, 5, 2]); $f([1, 2, 2]); $f([-1, -4, -2]);"
        "$f([8, 3]); $f([2, 6, 4, 1])", **known,
    )  # fmt: skip


@family("lists")
def kept_between(r: random.Random) -> Sketch:
    inside = r.choice([True, False])
    closed = r.choice([True, False])
    op = "<=" if closed else "<"
    ends = "both ends included" if closed else "both ends excluded"
    word = "between_inclusive" if closed else "strictly_between"
    out = "<" if closed else "<="
    names = f"keep_{word} select_{word}" if inside else f"drop_{word} remove_{word}"
    said = f"the $xs between low and high, {ends}" if inside else f"$xs without those between low and high, {ends}"
    test = f"low {op} $x {op} high" if inside else f"$x {out} low or high {out} $x"
    skip = f"$x {out} low or $x {out.replace('<', '>')} high" if inside else f"low {op} $x {op} high"
    return function(
        r, names=names, params="$xs, low, high", noun="filters ranges cleaning", what=said,
        hints="list[int]; int; int -> list[int]",
        bodies=f"""
            return [$x for $x in $xs if {test}]
            ---
            $out = []
            for $x in $xs:
                if {test}:
                    $out.append($x)
            return $out
            ---
            $out = []
            for $x in $xs:
                if {skip}:
                    continue
                $out.append($x)
            return $out
        """,
        checks="$f([1, 2, 3, 4, 5], 2, 4); $f([], 0, 9); $f([3], 3, 3); $f([5, 1], 1, 5); $f([-2, 0, 2], -1, 1);"
        "$f([6, 7, 8, 9], 7, 8); $f([0, 10], 3, 4)",
    )  # fmt: skip


@family("lists")
def found_at(r: random.Random) -> Sketch:
    which = r.choice(["first", "last"])
    target = r.choice(["target", "wanted", "needle"])
    none = r.choice(["-1", "None"])
    steps = "range(len($xs))" if which == "first" else "range(len($xs) - 1, -1, -1)"
    guard = f"$best == {none} and " if none == "-1" and which == "first" else ""
    guard = "$best is None and " if none == "None" and which == "first" else guard
    return function(
        r, names=f"{which}_index_of find_{which} {which}_position", params=f"$xs, {target}", noun="search lists lookup",
        hints=f"list[int]; int -> {'int' if none == '-1' else 'int | None'}",
        what=f"the index of the {which} {target} in $xs, or {none} if it is missing|"
        f"where {target} occurs {which} in $xs ({none} when it does not)",
        bodies=f"""
            for $i in {steps}:
                if $xs[$i] == {target}:
                    return $i
            return {none}
            ---
            $best = {none}
            for $i, $x in enumerate($xs):
                if {guard}$x == {target}:
                    $best = $i
            return $best
        """,
        checks="$f([4, 7, 4, 1], 4); $f([], 1); $f([3], 3); $f([3], 2); $f([1, 2, 2], 2); $f([5, 6, 7], 7);"
        "$f([0, 1, 0], 0)",
    )  # fmt: skip


@family("lists")
def in_order(r: random.Random) -> Sketch:
    op, names, said = r.choice([
        ("<", "is_strictly_increasing always_rises", "each element of $xs is greater than the one before"),
        ("<=", "is_sorted_ascending never_falls", "no element of $xs is less than the one before"),
        (">", "is_strictly_decreasing always_falls", "each element of $xs is less than the one before"),
        (">=", "is_sorted_descending never_rises", "no element of $xs is greater than the one before"),
    ])  # fmt: skip
    return function(
        r, names=names, params="$xs", noun="order checks series", hints="list[int] -> bool", op=op, bad=OPPOSITE[op],
        what=f"whether {said}|True if {said}, else False",
        bodies="""
            for $i in range(1, len($xs)):
                if $xs[$i - 1] $bad $xs[$i]:
                    return False
            return True
            ---
            return all($prev $op $x for $prev, $x in zip($xs, $xs[1:]))
            ---
            return all($xs[$i] $op $xs[$i + 1] for $i in range(len($xs) - 1))
        """,
        checks="$f([1, 2, 3]); $f([3, 2, 1]); $f([1, 1, 2]); $f([2, 2, 1]); $f([]); $f([5]); $f([4, 4]); $f([1, 3, 2])"
        "; $f([2, 1, 3])",
    )  # fmt: skip


@family("lists")
def leading(r: random.Random) -> Sketch:
    op, word, phrase = comparison(r)
    take = r.choice([True, False])
    verb, said = ("take_while", "the leading $xs") if take else ("drop_while", "the rest of $xs after the leading ones")
    ending = "return $xs" if take else "return []"
    return function(
        r, names=f"{verb}_{word} {verb.replace('while', 'leading')}_{word}", params="$xs, $limit",
        noun="series lists filters",
        hints="list[int]; int -> list[int]", bad=OPPOSITE[op], op=op,
        what=f"{said} that are {phrase} $limit|{said} {phrase} $limit, in order",
        bodies=f"""
            for $i, $x in enumerate($xs):
                if $x $bad $limit:
                    return $xs[{":$i" if take else "$i:"}]
            {ending}
            ---
            $i = 0
            while $i < len($xs) and $xs[$i] $op $limit:
                $i += 1
            return $xs[{":$i" if take else "$i:"}]
        """,
        checks="$f([1, 2, 5, 1], 3); $f([9, 8, 2, 9], 5); $f([], 1); $f([4], 4); $f([4, 5, 4], 4); $f([4, 3, 4], 4);"
        "$f([1, 1], 2); $f([3, 3], 2)",
    )  # fmt: skip


@family("lists")
def ranked(r: random.Random) -> Sketch:
    kind, flag = r.choice([("largest", True), ("smallest", False)])
    n = r.choice(["how_many", "amount_kept", "top_n" if flag else "n"])
    rev = ", reverse=True" if flag else ""
    order = "largest first" if flag else "smallest first"
    cut = "[::-1][:{n}]" if flag else "[:{n}]"
    return function(
        r, names=f"{kind}_few take_{kind} pick_{kind}", params=f"$xs, {n}", noun="ranking contest stats",
        hints="list[int]; int -> list[int]",
        what=f"the {n} {kind} of $xs, {order}|up to {n} of $xs: the {kind} ones, {order}",
        bodies=f"""
            return sorted($xs{rev})[:{n}]
            ---
            ordered = sorted($xs)
            return ordered{cut.format(n=n)}
            ---
            rest = list($xs)
            $out = []
            while rest and len($out) < {n}:
                $best = {"max" if flag else "min"}(rest)
                rest.remove($best)
                $out.append($best)
            return $out
        """,
        checks="$f([4, 9, 1, 7], 2); $f([], 2); $f([5], 1); $f([5, 6], 3); $f([2, 2, 1], 2); $f([3, -1, 0], 1);"
        "$f([8, 6], 0)",
    )  # fmt: skip


@family("lists", held_out=True)
def inversions(r: random.Random) -> Sketch:
    op, names, said = r.choice([
        (">", "count_inversions count_out_of_order", "an earlier element is greater than a later one"),
        ("<", "count_rising_pairs count_ordered_pairs", "an earlier element is less than a later one"),
        ("==", "count_equal_pairs count_matching_pairs", "both elements are equal"),
    ])  # fmt: skip
    return function(
        r, names=names, params="$xs", noun="order stats ranking", hints="list[int] -> int", op=op,
        what=f"the number of pairs of places in $xs where {said}|how many pairs of $xs there are in which {said}",
        bodies="""
            $total = 0
            for $i in range(len($xs)):
                for other in range($i + 1, len($xs)):
                    if $xs[$i] $op $xs[other]:
                        $total += 1
            return $total
            ---
            $total = 0
            for $i, $x in enumerate($xs):
                $total += sum(1 for later in $xs[$i + 1 :] if $x $op later)
            return $total
        """,
        checks="$f([3, 1, 2]); $f([]); $f([4]); $f([2, 2]); $f([1, 2, 3]); $f([5, 4, 4, 1]); $f([1, 3, 1, 3])",
    )  # fmt: skip
