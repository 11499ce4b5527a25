"""Function families of loops that compare neighbours and pairs (group `loops`)."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import comparison, function

RUN_CHECKS = "$f([1, 1, 2, 2, 2]); $f([]); $f([5]); $f([3, 3, 3, 1]); $f([1, 2, 3, 2]); $f([9, 7, 5, 6])"


@family("loops")
def longest_neighbours(r: random.Random) -> Sketch:
    op, names, said = r.choice([
        ("==", "longest_run_of_equal longest_repeat", "equal neighbours"),
        (">", "longest_increasing_run longest_rise", "strictly increasing neighbours"),
        (">=", "longest_non_decreasing_run longest_without_fall", "neighbours that never decrease"),
        ("<", "longest_decreasing_run longest_fall", "strictly decreasing neighbours"),
    ])  # fmt: skip
    return function(
        r, names=names, params="$xs", noun="series streaks signal", hints="list[int] -> int", op=op,
        checks=RUN_CHECKS + "; $f([4, 4, 1, 4])",
        what=f"the length of the longest run of {said} in $xs, 0 if it is empty|"
        f"how many $xs the longest run of {said} has (0 for an empty list)",
        bodies="""
            longest = 0
            $streak = 0
            for $i, $x in enumerate($xs):
                if $i > 0 and $x $op $xs[$i - 1]:
                    $streak += 1
                else:
                    $streak = 1
                longest = max(longest, $streak)
            return longest
            ---
            if not $xs:
                return 0
            longest = $streak = 1
            for $prev, $x in zip($xs, $xs[1:]):
                $streak = $streak + 1 if $x $op $prev else 1
                if $streak > longest:
                    longest = $streak
            return longest
        """,
    )  # fmt: skip


@family("loops")
def longest_compared(r: random.Random) -> Sketch:
    op, word, phrase = comparison(r)
    m = r.randint(2, 8)
    kind = r.choice(["longest", "last"])
    said = "the longest run" if kind == "longest" else "the run at the end"
    names = f"longest_streak_{word} longest_run_{word}" if kind == "longest" else f"final_streak_{word} last_run_{word}"
    bodies = """
            longest = 0
            $streak = 0
            for $x in $xs:
                $streak = $streak + 1 if $x $op $limit else 0
                longest = max(longest, $streak)
            return longest
            ---
            longest = $streak = 0
            for $x in $xs:
                if $x $op $limit:
                    $streak += 1
                    longest = max(longest, $streak)
                else:
                    $streak = 0
            return longest
    """ if kind == "longest" else """
            $streak = 0
            for $x in $xs:
                $streak = $streak + 1 if $x $op $limit else 0
            return $streak
            ---
            $streak = 0
            while $streak < len($xs) and $xs[-1 - $streak] $op $limit:
                $streak += 1
            return $streak
    """  # fmt: skip
    return function(
        r, names=names, params="$xs, $limit", noun="weather readings streaks", hints="list[int]; int -> int", op=op,
        what=f"the length of {said} of $xs {phrase} $limit|how long {said} of $xs that are {phrase} $limit is",
        bodies=bodies,
        checks=f"$f([{m}, {m + 1}, {m - 1}], {m}); $f([], {m}); $f([{m}], {m}); $f([{m - 1}, {m - 2}, {m - 3}], {m});"
        f"$f([{m - 1}, {m - 2}, {m + 1}, {m + 2}], {m}); $f([{m + 1}, {m + 5}, {m + 2}, {m}], {m});"
        f"$f([{m - 1}, {m - 1}, {m}, {m}], {m}); $f([0, -1, -2, 0], -1); $f([{m + 3}, {m + 2}, {m + 1}], {m})",
    )  # fmt: skip


@family("loops")
def count_pairs(r: random.Random) -> Sketch:
    op, said, expr, names = r.choice([
        ("==", "add up to target", "$xs[$i] + $xs[other]", "count_pairs_with_sum pairs_adding_to"),
        ("<", "add up to less than target", "$xs[$i] + $xs[other]", "count_pairs_with_sum_below pairs_adding_below"),
        ("<=", "add up to at most target", "$xs[$i] + $xs[other]", "count_pairs_with_sum_at_most pairs_within_sum"),
        ("==", "differ by exactly target", "abs($xs[$i] - $xs[other])", "count_pairs_with_difference pairs_apart_by"),
        ("<=", "differ by at most target", "abs($xs[$i] - $xs[other])", "count_close_pairs pairs_apart_at_most"),
    ])  # fmt: skip
    return function(
        r, names=names, params="$xs, target", noun="pairs matching stats", hints="list[int]; int -> int", op=op,
        what=f"the number of pairs of $xs (at two different places) that {said}|how many pairs of two $xs {said}",
        bodies="""
            $total = 0
            for $i in range(len($xs)):
                for other in range($i + 1, len($xs)):
                    if EXPR $op target:
                        $total += 1
            return $total
            ---
            $total = 0
            for other in range(1, len($xs)):
                for $i in range(other):
                    if EXPR $op target:
                        $total += 1
            return $total
        """.replace("EXPR", expr),
        checks="$f([1, 2, 3, 4], 5); $f([], 0); $f([5], 5); $f([2, 2, 2], 4); $f([1, 3, 6], 2); $f([0, 0], 0);"
        "$f([7, 4, 1], 6);"
        "$f([5, 1, 5], 4); $f([1, 2, 3, 2], 5)",
    )  # fmt: skip


@family("loops")
def neighbour_events(r: random.Random) -> Sketch:
    names, said, test, index = r.choice([
        ("count_rises times_higher", "an element is greater than the one before", "$x > $prev",
         "$xs[$i] > $xs[$i - 1]"),
        ("count_falls times_lower", "an element is less than the one before", "$x < $prev", "$xs[$i] < $xs[$i - 1]"),
        ("count_changes times_changed", "an element differs from the one before", "$x != $prev",
         "$xs[$i] != $xs[$i - 1]"),
        ("count_repeats times_repeated", "an element equals the one before", "$x == $prev", "$xs[$i] == $xs[$i - 1]"),
        ("count_sign_changes times_sign_flips", "neighbours have opposite signs (0 has none)", "$x * $prev < 0",
         "$xs[$i] * $xs[$i - 1] < 0"),
    ])  # fmt: skip
    return function(
        r, names=names, params="$xs", noun="signal series stats", hints="list[int] -> int",
        what=f"how often in $xs {said}|the number of times {said} in $xs",
        bodies=f"""
            $total = 0
            for $i in range(1, len($xs)):
                if {index}:
                    $total += 1
            return $total
            ---
            return sum(1 for $prev, $x in zip($xs, $xs[1:]) if {test})
            ---
            $total = 0
            $prev = None
            for $x in $xs:
                if $prev is not None and {test}:
                    $total += 1
                $prev = $x
            return $total
        """,
        checks="$f([1, 2, 2, 5, 1]); $f([]); $f([3]); $f([4, 4, 4]); $f([-1, 1, -1, 0, 2]); $f([9, -5, 2, -2]);"
        "$f([1, 2, 3, 4])",
    )  # fmt: skip


@family("loops")
def peaks(r: random.Random) -> Sketch:
    op, word, said = r.choice([(">", "peak", "greater"), ("<", "valley", "less")])
    want = r.choice(["count", "index"])
    names = f"count_{word}s number_of_{word}s" if want == "count" else f"{word}_indexes {word}_positions"
    lead = f"the number of {word}s" if want == "count" else f"the indexes of the {word}s"
    start, step = ("0", "$total += 1") if want == "count" else ("[]", "${total}.append($i)")
    return function(
        r, names=names, params="$xs", noun="signal terrain peaks",
        hints=f"list[int] -> {'int' if want == 'count' else 'list[int]'}", op=op, i=r.choice(["i", "k", "at"]),
        what=f"{lead} in $xs, elements strictly {said} than both neighbours|"
        f"{lead} of $xs: those inside the list that are strictly {said} than the one before and the one after",
        bodies=f"""
            $total = {start}
            for $i in range(1, len($xs) - 1):
                if $xs[$i] $op $xs[$i - 1] and $xs[$i] $op $xs[$i + 1]:
                    {step}
            return $total
            ---
            $total = {start}
            for $i in range(1, len($xs) - 1):
                $prev, $x, later = $xs[$i - 1 : $i + 2]
                if $prev {"<" if op == ">" else ">"} $x $op later:
                    {step}
            return $total
        """,
        checks="$f([1, 3, 2, 5, 4]); $f([]); $f([1, 2]); $f([5, 1, 4, 4, 0]); $f([3, 2, 2, 3]); $f([4, 0, 4]);"
        "$f([0, 7, 7, 1]);"
        "$f([2, 1, 2, 1, 2])",
    )  # fmt: skip


@family("loops")
def runs_of_equal(r: random.Random) -> Sketch:
    starts = r.choice([True, False])
    names = "encode_runs run_length_pairs" if not starts else "run_starts where_runs_start"
    said = "a [value, length] list for every run of equal neighbours" if not starts else (
        "the indexes where a run of equal neighbours starts")  # fmt: skip
    bodies = """
            $out = []
            for $x in $xs:
                if $out and $out[-1][0] == $x:
                    $out[-1][1] += 1
                else:
                    $out.append([$x, 1])
            return $out
            ---
            $out = []
            for $i, $x in enumerate($xs):
                if $i == 0 or $x != $xs[$i - 1]:
                    $out.append([$x, 0])
                $out[-1][1] += 1
            return $out
    """ if not starts else """
            $out = []
            for $i, $x in enumerate($xs):
                if $i == 0 or $x != $xs[$i - 1]:
                    $out.append($i)
            return $out
            ---
            return [$i for $i in range(len($xs)) if $i == 0 or $xs[$i] != $xs[$i - 1]]
    """  # fmt: skip
    return function(
        r, names=names, params="$xs", noun="coding series runs", i=r.choice(["i", "k", "at"]),
        what=f"{said} in $xs|{said} in $xs, in order",
        bodies=bodies, checks=RUN_CHECKS + "; $f([0, 0]); $f([7, 6, 6, 7])",
    )  # fmt: skip


@family("loops", held_out=True)
def longest_with_sum(r: random.Random) -> Sketch:
    kind, start, pick, op = r.choice([("longest", "0", "max", "<="), ("shortest", "None", "min", ">=")])
    said = "at most" if kind == "longest" else "at least"
    none = "0" if kind == "longest" else "None"
    better = "end - start > $best" if kind == "longest" else "$best is None or end - start < $best"
    return function(
        r, names=f"{kind}_slice_with_sum_{said.replace(' ', '_')} {kind}_window_{said.replace(' ', '_')}",
        params="$xs, $limit", noun="windows budget series", hints="list[int]; int -> int | None",
        what=f"the length of the {kind} slice of $xs (1 or more elements) whose sum is {said} $limit, or {none}|"
        f"how many neighbouring $xs the {kind} slice has whose sum is {said} $limit, {none} without one",
        bodies=f"""
            $best = {start}
            for start in range(len($xs)):
                for end in range(start + 1, len($xs) + 1):
                    fits = sum($xs[start:end]) {op} $limit
                    if fits and ({better}):
                        $best = end - start
            return $best
            ---
            lengths = []
            for start in range(len($xs)):
                $total = 0
                for end in range(start, len($xs)):
                    $total += $xs[end]
                    if $total {op} $limit:
                        lengths.append(end - start + 1)
            return {pick}(lengths, default={none})
        """.replace(f"({better})", better if kind == "longest" else f"({better})"),
        checks="$f([1, 2, 3], 3); $f([], 1); $f([5], 5); $f([5], 4); $f([4], 5); $f([3, 1, 1, 4], 5); $f([2, 2, 2], 6);"
        "$f([1, 9, 1], 9)",
    )  # fmt: skip
