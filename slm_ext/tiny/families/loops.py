"""Function families of counting loops; simulations, streaks and grids stand in rooms of those names."""

from __future__ import annotations

import random

from slm_ext.tiny.families import grids, simulations, streaks  # noqa: F401 - register their families with this group
from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import OPPOSITE, comparison, function


@family("loops")
def fits_within(r: random.Random) -> Sketch:
    exact = r.choice([True, False])
    op, word, said = ("<=", "up_to", "at most") if exact else ("<", "below", "less than")
    what = r.choice(["count", "sum"])
    names = f"how_many_fit_{word} leading_count_{word}" if what == "count" else f"leading_sum_{word} sum_while_{word}"
    lead = "how many of the first $xs can be added" if what == "count" else "the sum of as many first $xs as possible"
    return function(
        r, names=names, params="$xs, $limit", noun="packing budget loading", hints="list[int]; int -> int",
        what=f"{lead} while the sum stays {said} $limit", op=op, bad=OPPOSITE[op],
        bodies=f"""
            $total = 0
            count = 0
            for $x in $xs:
                if $total + $x $bad $limit:
                    break
                $total += $x
                count += 1
            return {"count" if what == "count" else "$total"}
            ---
            $total = 0
            $i = 0
            while $i < len($xs) and $total + $xs[$i] $op $limit:
                $total += $xs[$i]
                $i += 1
            return {"$i" if what == "count" else "$total"}
        """,
        checks="$f([2, 3, 4], 5); $f([], 3); $f([4], 4); $f([9, 1], 8); $f([1, 1, 1, 1, 1], 4); $f([3, 3, 1], 8);"
        "$f([2, 6, 1, 1], 9); $f([0, 2], 2)",
    )  # fmt: skip


@family("loops")
def first_place(r: random.Random) -> Sketch:
    op, word, phrase = comparison(r)
    want = r.choice(["index", "value"])
    m = r.choice([0, 0, 5, 10])
    tag = {(">", 0): "positive", ("<", 0): "negative"}.get((op, m), f"{word}_{m}")
    names = f"first_{tag}_index index_of_first_{tag}" if want == "index" else f"first_{tag} find_first_{tag}"
    none = "-1" if want == "index" else "None"
    lead = "the index of the first of $xs that is" if want == "index" else "the first of $xs that is"
    return function(
        r, names=names, params="$xs", noun="search readings alarms", hints="list[int] -> int | None", op=op, m=str(m),
        what=f"{lead} {phrase} {m}, or {none} if there is none|{lead} {phrase} {m} ({none} without one)",
        bodies=f"""
            for $i, $x in enumerate($xs):
                if $x $op $m:
                    return {"$i" if want == "index" else "$x"}
            return {none}
            ---
            for $i in range(len($xs)):
                if $xs[$i] $op $m:
                    return {"$i" if want == "index" else "$xs[$i]"}
            return {none}
            ---
            $best = [{"$i" if want == "index" else "$x"} for $i, $x in enumerate($xs) if $x $op $m]
            return $best[0] if $best else {none}
        """,
        checks=f"$f([{m + 1}, {m - 1}, {m}]); $f([]); $f([{m}]); $f([{m - 2}, {m}, {m + 3}]); $f([{m + 1}, {m + 2}]);"
        f"$f([{m - 1}, {m - 3}]); $f([{m - 1}, {m + 1}]); $f([{m + 4}, {m - 4}])",
    )  # fmt: skip


@family("loops")
def multiples(r: random.Random) -> Sketch:
    closed = r.choice([True, False])
    what = r.choice(["sum", "count", "list"])
    word, said, stop = ("up_to", "up to and including", "$limit + 1") if closed else ("below", "below", "$limit")
    names = {"sum": "sum_multiples", "count": "count_multiples", "list": "multiples"}[what]
    lead = {"sum": "the sum of", "count": "the number of", "list": "a list of"}[what]
    call = {"sum": "sum(range(step, $stop, step))", "count": "len(range(step, $stop, step))",
            "list": "list(range(step, $stop, step))"}[what]  # fmt: skip
    start, add = {"sum": ("0", "$total += number"), "count": ("0", "$total += 1"),
                  "list": ("[]", "$total.append(number)")}[what]  # fmt: skip
    return function(
        r, names=f"{names}_{word} positive_{names}_{word}", params="step, $limit", noun="numbers ranges",
        hints=f"int; int -> {'list[int]' if what == 'list' else 'int'}",
        what=f"{lead} the positive multiples of step {said} $limit|"
        f"{lead} all multiples of step from step {said} $limit",
        bodies=f"""
            return {call.replace("$stop", stop)}
            ---
            $total = {start}
            for number in range(1, {stop}):
                if number % step == 0:
                    {add}
            return $total
            ---
            $total = {start}
            number = step
            while number {"<=" if closed else "<"} $limit:
                {add}
                number += step
            return $total
        """.replace("$total.", "${total}."),
        checks="$f(3, 9); $f(3, 10); $f(5, 4); $f(1, 3); $f(2, 2); $f(4, 17); $f(7, 0); $f(5, 20)",
    )  # fmt: skip


@family("loops")
def countdown(r: random.Random) -> Sketch:
    up = r.choice([True, False])
    with_end = r.choice([True, False])
    names = "count_up" if up else "count_down"
    said = "the numbers from low up to high" if up else "the numbers from high down to low"
    ends = "both included" if with_end else ("without high" if up else "without low")
    tag = "inclusive" if with_end else "exclusive"
    a, b, sign = ("low", "high", "+") if up else ("high", "low", "-")
    op = ("<" if up else ">") + ("=" if with_end else "")
    shift = (f" {sign} 1") if with_end else ""
    return function(
        r, names=f"{names}_{tag} {names}_by_step_{tag}", params="low, high, step=1", noun="ranges counting steps",
        hints="int; int; int -> list[int]",
        what=f"{said} in steps of step, {ends}|a list of {said}, {ends}, step apart",
        bodies=f"""
            return list(range({a}, {b}{shift}, {"step" if up else "-step"}))
            ---
            $out = []
            number = {a}
            while number {op} {b}:
                $out.append(number)
                number {sign}= step
            return $out
        """,
        checks="$f(1, 5); $f(0, 0); $f(2, 8, 2); $f(1, 8, 3); $f(-2, 2); $f(4, 3); $f(0, 10, 5); $f(3, 4)",
    )  # fmt: skip


@family("loops")
def sum_until(r: random.Random) -> Sketch:
    stop = r.choice(["0", "-1", "99"])
    skip = r.choice(["negative", "odd", "none"])
    test = {"negative": "$x < 0", "odd": "$x % 2 == 1", "none": ""}[skip]
    kept = {"negative": "$x >= 0", "odd": "$x % 2 == 0", "none": "True"}[skip]
    said = {"negative": ", skipping negative ones", "odd": ", skipping odd ones", "none": ""}[skip]
    tag = {"negative": "_without_negatives", "odd": "_of_even", "none": ""}[skip]
    number = stop.replace("-", "minus_").replace("0", "zero").replace("99", "end_mark").replace("minus_1", "minus_one")
    jump = f"if {test}:\n                    continue\n                " if test else ""
    guard = f"if {kept}:\n                    " if test else ""
    return function(
        r, names=f"sum{tag}_until_{number} total{tag}_before_{number}", params="$xs", noun="input readings parsing",
        hints="list[int] -> int",
        what=f"the sum of $xs before the first {stop}{said}|"
        f"the sum of $xs up to (not including) the first {stop}{said}",
        bodies=f"""
            $total = 0
            for $x in $xs:
                if $x == {stop}:
                    break
                {jump}$total += $x
            return $total
            ---
            $total = 0
            $i = 0
            while $i < len($xs) and $xs[$i] != {stop}:
                $x = $xs[$i]
                {guard}$total += $x
                $i += 1
            return $total
        """,
        checks=f"$f([1, 2, 3]); $f([]); $f([{stop}]); $f([4, {stop}, 5]); $f([4, -3, 7, {stop}, {stop}, 1]);"
        "$f([-2, 6]); $f([5, 0, -1, 99, 8]); $f([1])",
    )  # fmt: skip


@family("loops", held_out=True)
def best_gain(r: random.Random) -> Sketch:
    rise = r.choice([True, False])
    xs, x = r.choice([("prices", "price"), ("levels", "level"), ("heights", "height")])
    names = "best_gain largest_rise biggest_climb" if rise else "largest_drop biggest_fall worst_loss"
    said = f"an earlier to a later one of {xs}, 0 if they never {'rise' if rise else 'fall'}"
    low = r.choice(["lowest", "cheapest"]) if rise else r.choice(["highest", "peak"])
    pick, diff = ("min", f"{x} - {low}") if rise else ("max", f"{low} - {x}")
    return function(
        r, names=names, params=xs, noun="prices trading terrain", hints="list[int] -> int",
        what=f"the largest {'rise' if rise else 'fall'} from {said}",
        bodies=f"""
            if not {xs}:
                return 0
            {low} = {xs}[0]
            $best = 0
            for {x} in {xs}:
                {low} = {pick}({low}, {x})
                $best = max($best, {diff})
            return $best
            ---
            $best = 0
            for $i in range(len({xs})):
                {x} = {xs}[$i]
                for {low} in {xs}[:$i]:
                    if {diff} > $best:
                        $best = {diff}
            return $best
        """,
        checks="$f([7, 1, 5, 3, 6]); $f([]); $f([4]); $f([5, 4, 1]); $f([2, 9]); $f([3, 3]); $f([1, 8, 0, 4]);"
        "$f([-2, -6, 1])",
    )  # fmt: skip
