"""Function families of loops that let a number grow, shrink or move (group `loops`)."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import function


@family("loops")
def collatz(r: random.Random) -> Sketch:
    cap = r.choice([50, 100, 200])
    want = r.choice(["steps", "peak"])
    n = r.choice(["n", "start", "number"])
    if want == "steps":
        names, said = "collatz_length steps_to_one collatz_steps", f"number of Collatz steps from {n} to 1"
    else:
        names = "collatz_peak highest_on_the_way collatz_maximum"
        said = f"greatest number on the Collatz way from {n} to 1"
    keep = "" if want == "steps" else f"\n                peak = max(peak, {n})"
    start = "" if want == "steps" else f"peak = {n}\n            "
    return function(
        r, names=names, params=n, noun="sequences numbers", hints="int -> int",
        what=f"the {said} (halve if even, else 3 * {n} + 1), stopping after {cap} steps|"
        f"the {said}: even numbers are halved, odd ones become 3 times plus 1, at most {cap} steps",
        bodies=f"""
            {start}steps = 0
            while {n} > 1 and steps < {cap}:
                {n} = {n} // 2 if {n} % 2 == 0 else 3 * {n} + 1
                steps += 1{keep}
            return {want}
            ---
            {start}steps = 0
            while {n} != 1 and steps < {cap}:
                if {n} % 2 == 0:
                    {n} = {n} // 2
                else:
                    {n} = 3 * {n} + 1
                steps += 1{keep}
            return {want}
        """,
        checks="$f(1); $f(2); $f(3); $f(6); $f(7); $f(8); $f(12); $f(27)",
    )  # fmt: skip


@family("loops")
def scaling_steps(r: random.Random) -> Sketch:
    factor = r.choice([2, 3, 10])
    down = r.choice([True, False])
    closed = r.choice([True, False])
    n = r.choice(["amount", "size", "start"])
    if down:
        verb, step = {2: "halve", 3: "cut_to_third", 10: "cut_to_tenth"}[factor], "//"
        said = f"divided by {factor} (rounding down)"
        op, goal, case = (">", "at most", "0") if closed else (">=", "below", "1")
        known, guard = f"0 if $limit is less than {case}", f"$limit < {case}"
    else:
        verb, step = {2: "double", 3: "triple", 10: "tenfold"}[factor], "*"
        said = f"multiplied by {factor}"
        op, goal = ("<", "at least") if closed else ("<=", "above")
        known, guard = f"0 if {n} is less than 1", f"{n} < 1"
    tag = goal.replace(" ", "_")
    return function(
        r, names=f"{verb}_until_{tag} {verb}_steps_until_{tag}", params=f"{n}, $limit", noun="growth scaling steps",
        hints="int; int -> int",
        what=f"how often {n} must be {said} until it is {goal} $limit ({known})|"
        f"the number of times {n} is {said} to get {goal} $limit ({known})",
        bodies=f"""
            if {guard}:
                return 0
            steps = 0
            while {n} {op} $limit:
                {n} = {n} {step} {factor}
                steps += 1
            return steps
            ---
            steps = 0
            if {guard}:
                return steps
            while {n} {op} $limit:
                {n} {step}= {factor}
                steps += 1
            return steps
        """,
        checks="$f(40, 5); $f(5, 40); $f(8, 1); $f(1, 8); $f(9, 9); $f(2, 100); $f(100, 1); $f(3, 0); $f(0, 3);"
        "$f(1, 100)",
    )  # fmt: skip


@family("loops")
def periods_to_goal(r: random.Random) -> Sketch:
    percent = r.choice([5, 10, 20, 50])
    cap = r.choice([30, 60])
    period = r.choice(["year", "month", "round"])
    return function(
        r, names=f"{period}s_to_goal {period}s_until_goal count_{period}s", params="balance, goal",
        noun="savings growth bank",
        hints="int; int -> int",
        what=f"after how many {period}s balance, growing by {percent} percent (rounded down), reaches goal, "
        f"at most {cap}|"
        f"the {period}s until balance is at least goal with {percent} percent growth each (rounded down), "
        f"{cap} at most",
        bodies=f"""
            {period}s = 0
            while balance < goal and {period}s < {cap}:
                balance += balance * {percent} // 100
                {period}s += 1
            return {period}s
            ---
            for {period} in range({cap}):
                if balance >= goal:
                    return {period}
                balance = balance + balance * {percent} // 100
            return {cap}
        """,
        checks=f"$f(100, 200); $f(100, 100); $f(100, 101); $f(50, 10); $f(0, 10); $f(1000, {1000 + 10 * percent});"
        f"$f(1000, {1001 + 10 * percent}); $f(200, 900)",
    )  # fmt: skip


@family("loops")
def clamped_walk(r: random.Random) -> Sketch:
    top = r.choice([5, 10, 20])
    start = r.choice(["0", str(top // 2)])
    said, names = r.choice([("a tank", "tank_level fill_level"), ("a lift", "lift_floor final_floor"),
                            ("a dial", "dial_position dial_after")])  # fmt: skip
    return function(
        r, names=f"{names} {names.split()[0]}_after_moves", params="moves", noun="simulation machines control",
        hints="list[int] -> int", start=start, top=str(top),
        what=f"where {said} ends that starts at $start and adds each of moves, staying between 0 and $top|"
        f"the last position of {said}: from $start, each of moves is added and the result kept between 0 and $top",
        bodies="""
            place = $start
            for move in moves:
                place = min($top, max(0, place + move))
            return place
            ---
            place = $start
            for move in moves:
                place += move
                if place < 0:
                    place = 0
                elif place > $top:
                    place = $top
            return place
        """,
        checks=f"$f([1, 2]); $f([]); $f([-50]); $f([{top + 1}]); $f([{top + 3}, -1]); $f([-99, 2, 1]); "
        f"$f([{top}, -2, 1, -1]); $f([{top + 1 - int(start)}]); $f([{-int(start)}, -1, 2]); $f([1, -1, 3])",
    )  # fmt: skip
