"""Families of comparisons: bounds, intervals, ranks, labels by thresholds, conditions joined by and/or."""

from __future__ import annotations

import random

from slm_ext.tiny.families import labels  # noqa: F401 - registers its families with this group
from slm_ext.tiny.families.base import Sketch, family, pick, sketch


@family("comparisons")
def clamp(r: random.Random) -> Sketch:
    v = pick(r, "value", "number", "x", "n")
    low, high = pick(r, ("low", "high"), ("lower", "upper"), ("minimum", "maximum"), ("floor", "ceiling"))
    kind = pick(r, "both", "both", "low", "high")
    args = ("5, 1, 9", "1, 1, 9", "9, 1, 9", "0, 1, 9", "10, 1, 9", "-7, -5, -2", "3, 3, 3", "50, 1, 9")
    if kind == "both":
        body = pick(
            r,
            "return max(<low>, min(<v>, <high>))",
            "if <v> < <low>:\n    return <low>\nif <v> > <high>:\n    return <high>\nreturn <v>",
            "if <v> < <low>:\n    <v> = <low>\nelif <v> > <high>:\n    <v> = <high>\nreturn <v>",
            "return min(<high>, max(<low>, <v>))",
        )
        name = pick(r, "clamp", "limit_to_range", "keep_within")
        what = "<v>, but <low> when it is less than <low> and <high> when it is greater than <high>"
        return sketch(r, name, what, "bounds", "<v>, <low>, <high>", body, args, v=v, low=low, high=high)
    args = ("5, 1", "1, 1", "0, 1", "-3, -2", "-2, -3", "1, 5", "10, 9", "0, 0")
    op, func, bound, word = ("<", "max", low, "less") if kind == "low" else (">", "min", high, "greater")
    name = pick(r, "at_least", "raise_to_floor") if kind == "low" else pick(r, "at_most", "cap")
    body = pick(
        r,
        "if <v> <op> <bound>:\n    return <bound>\nreturn <v>",
        "return <bound> if <v> <op> <bound> else <v>",
        "return <func>(<v>, <bound>)",
    )
    what = f"<v>, but <bound> when it is {word} than <bound>"
    return sketch(r, name, what, "bounds", "<v>, <bound>", body, args, v=v, op=op, func=func, bound=bound)


@family("comparisons")
def between(r: random.Random) -> Sketch:
    v = pick(r, "value", "number", "x", "point")
    low, high = pick(r, ("low", "high"), ("start", "end"), ("minimum", "maximum"), ("left", "right"))
    name, lo, hi, word = pick(
        r,
        ("is_between", "<=", "<=", "between <low> and <high>, both included"),
        ("is_within", "<=", "<=", "between <low> and <high>, both included"),
        ("is_strictly_between", "<", "<", "greater than <low> and less than <high>"),
        ("is_strictly_inside", "<", "<", "between <low> and <high>, both excluded"),
        ("in_half_open_range", "<=", "<", "in the range from <low>, included, to <high>, excluded"),
    )
    outside = pick(r, False, False, True)
    back = {"<=": ">", "<": ">="}
    if outside:
        name = {"is_between": "is_not_between", "is_within": "is_outside"}.get(name, name.replace("is_", "is_not_"))
        name = name.replace("in_half", "not_in_half")
        word = "not " + word
    yes, no = ("False", "True") if outside else ("True", "False")
    chained = "not <low> <lo> <v> <hi> <high>" if outside else "<low> <lo> <v> <hi> <high>"
    joined = "<v> <nlo> <low> or <v> <nhi> <high>" if outside else "<low> <lo> <v> and <v> <hi> <high>"
    body = pick(
        r,
        f"return {chained}",
        f"return {joined}",
        f"if <v> <nlo> <low>:\n    return {no}\nif <v> <nhi> <high>:\n    return {no}\nreturn {yes}",
        f"if <low> <lo> <v> <hi> <high>:\n    return {yes}\nreturn {no}",
    )
    names = {"v": v, "low": low, "high": high, "lo": lo, "hi": hi}
    names |= {"nlo": "<" if lo == "<=" else "<=", "nhi": back[hi]}
    args = ("5, 1, 9", "1, 1, 9", "9, 1, 9", "0, 1, 9", "10, 1, 9", "-3, -5, -1", "4, 4, 4", "2, 1, 9")
    return sketch(r, name, f"whether <v> is {word}", "ranges", "<v>, <low>, <high>", body, args, **names)


@family("comparisons")
def intervals(r: random.Random) -> Sketch:
    a, b, c, d = pick(
        r,
        ("start_a", "end_a", "start_b", "end_b"),
        ("low1", "high1", "low2", "high2"),
        ("begin", "end", "first", "last"),
    )
    strict = pick(r, True, False)
    op, neg = ("<", ">=") if strict else ("<=", ">")
    pairs = (
        "1, 4, 3, 6",
        "1, 4, 4, 6",
        "1, 4, 5, 6",
        "4, 6, 1, 4",
        "5, 6, 1, 4",
        "1, 9, 3, 4",
        "3, 4, 1, 9",
        "2, 5, 2, 5",
    )
    kind = pick(r, "overlap", "overlap", "contains", "length")
    if kind == "overlap":
        name = pick(r, "overlap_inside", "share_more_than_a_point") if strict else pick(r, "touch_or_overlap", "meet")
        body = pick(
            r,
            "return <a> <op> <d> and <c> <op> <b>",
            "if <a> <neg> <d> or <c> <neg> <b>:\n    return False\nreturn True",
            "return max(<a>, <c>) <op> min(<b>, <d>)",
        )
        what = "whether the spans <a> to <b> and <c> to <d> overlap; touching ends do " + (
            "not count" if strict else "count"
        )
    elif kind == "contains":
        name = pick(r, "strictly_contains", "surrounds") if strict else pick(r, "contains_span", "covers")
        body = pick(
            r,
            "return <a> <op> <c> and <d> <op> <b>",
            "if <a> <neg> <c>:\n    return False\nreturn <d> <op> <b>",
        )
        what = "whether the span <c> to <d> lies in <a> to <b>; equal ends are " + (
            "not allowed" if strict else "allowed"
        )
        pairs = (*pairs, "1, 4, 1, 3", "1, 4, 2, 4")
    else:
        name = pick(r, "overlap_length", "shared_length")
        body = pick(
            r,
            "return max(0, min(<b>, <d>) - max(<a>, <c>))",
            "low = max(<a>, <c>)\nhigh = min(<b>, <d>)\nif low > high:\n    return 0\nreturn high - low",
        )
        what = "the length that the spans <a> to <b> and <c> to <d> share, 0 when they are apart"
        pairs = (*pairs, "1, 4, 9, 12")
    return sketch(r, name, what, "intervals", "<a>, <b>, <c>, <d>", body, pairs, a=a, b=b, c=c, d=d, op=op, neg=neg)


@family("comparisons")
def version_order(r: random.Random) -> Sketch:
    a, b = pick(r, ("left", "right"), ("a", "b"), ("mine", "theirs"), ("installed", "wanted"))
    args = (
        "(1, 2), (1, 3)",
        "(1, 2), (1, 2)",
        "(2, 0), (1, 9)",
        "(0, 1), (0, 0)",
        "(1, 2), (1, 2, 1)",
        "(1,), (2,)",
        "(), ()",
    )
    kind = pick(r, "three", "three", "newer", "at_least", "compatible")
    if kind == "three":
        less, more = pick(r, ("-1", "1"), ("'older'", "'newer'"))
        less, more = less.replace("'", '"'), more.replace("'", '"')
        same = "0" if less == "-1" else '"same"'
        name = pick(r, "compare_versions", "version_order")
        what = f"{less} when the version tuple <a> is lower than <b>, {more} when higher, {same} when equal"
        what = what.replace('"', "'")
        body = pick(
            r,
            f"if <a> < <b>:\n    return {less}\nif <a> > <b>:\n    return {more}\nreturn {same}",
            f"if <a> == <b>:\n    return {same}\nreturn {less} if <a> < <b> else {more}",
            f"if <a> == <b>:\n    return {same}\nif <a> > <b>:\n    return {more}\nreturn {less}",
        )
    elif kind == "compatible":
        name, what = (
            "is_compatible",
            "whether the version tuples agree in the first number and <a> is not lower than <b>",
        )
        body = pick(
            r, "return <a>[:1] == <b>[:1] and <a> >= <b>", "if <a>[:1] != <b>[:1]:\n    return False\nreturn <a> >= <b>"
        )
    else:
        op, neg, phrase = (">", "<=", "higher than") if kind == "newer" else (">=", "<", "not lower than")
        name = pick(r, "is_newer", "is_upgrade") if kind == "newer" else pick(r, "is_at_least", "meets_version")
        what = f"whether the version tuple <a> is {phrase} <b>"
        body = pick(r, f"return <a> {op} <b>", f"if <a> {neg} <b>:\n    return False\nreturn True")
    return sketch(r, name, what, "versions", "<a>, <b>", body, args, a=a, b=b)


@family("comparisons")
def extreme_of_some(r: random.Random) -> Sketch:
    a, b, c = pick(r, ("a", "b", "c"), ("x", "y", "z"), ("first", "second", "third"))
    word, op = pick(r, ("largest", ">"), ("smallest", "<"))
    func, neg, best = ("max", "<", "best") if op == ">" else ("min", ">", "least")
    name = pick(r, f"{word}_of_three", f"{word}_of", f"pick_{word}")
    body = pick(
        r,
        "<best> = <a>\nif <b> <op> <best>:\n    <best> = <b>\nif <c> <op> <best>:\n    <best> = <c>\nreturn <best>",
        "if <a> <op>= <b> and <a> <op>= <c>:\n    return <a>\nif <b> <op>= <c>:\n    return <b>\nreturn <c>",
        "return <func>(<a>, <func>(<b>, <c>))",
        "<best> = <a> if <a> <op> <b> else <b>\nif <best> <neg> <c>:\n    return <c>\nreturn <best>",
    )
    args = ("1, 2, 3", "3, 2, 1", "2, 3, 1", "2, 1, 3", "5, 5, 1", "1, 5, 5", "-1, -2, -3", "0, 0, 0")
    what = f"the {word} of the three numbers"
    return sketch(
        r, name, what, "extremes", "<a>, <b>, <c>", body, args, a=a, b=b, c=c, op=op, func=func, neg=neg, best=best
    )


@family("comparisons")
def nearer(r: random.Random) -> Sketch:
    t = pick(r, "target", "goal", "center", "wanted")
    a, b = pick(r, ("a", "b"), ("first", "second"), ("left", "right"), ("one", "other"))
    word, op, neg = pick(r, ("nearer to", "<=", ">"), ("farther from", ">=", "<"))
    tie = pick(r, a, b)
    if tie == b:
        op, neg = op[0], neg + "="
    name = pick(r, "closer_to", "nearest_of") if "near" in word else pick(r, "farther_from", "farthest_of")
    body = pick(
        r,
        "if abs(<a> - <t>) <op> abs(<b> - <t>):\n    return <a>\nreturn <b>",
        "return <b> if abs(<a> - <t>) <neg> abs(<b> - <t>) else <a>",
        "gap_a = abs(<a> - <t>)\ngap_b = abs(<b> - <t>)\nif gap_a <op> gap_b:\n    return <a>\nelse:\n    return <b>",
    )
    what = f"that of <a> and <b> which is {word} <t>; {tie} when both are equally far"
    args = ("10, 8, 13", "10, 13, 8", "10, 8, 12", "10, 12, 8", "0, -5, 4", "0, 0, 1", "-3, -4, 3", "5, 9, 1")
    return sketch(r, name, what, "distance", "<t>, <a>, <b>", body, args, t=t, a=a, b=b, op=op, neg=neg)


@family("comparisons")
def tolerance(r: random.Random) -> Sketch:
    a, b = pick(r, ("a", "b"), ("expected", "actual"), ("left", "right"), ("measured", "wanted"))
    t = pick(r, "tolerance", "margin", "allowed", "limit")
    name, op, neg, word = pick(
        r,
        ("is_close", "<=", ">", "by at most <t>"),
        ("within_margin", "<=", ">", "by no more than <t>"),
        ("differs_by_less", "<", ">=", "by less than <t>"),
        ("differs_by_more", ">", "<=", "by more than <t>"),
        ("differs_at_least", ">=", "<", "by <t> or more"),
    )
    body = pick(
        r,
        "return abs(<a> - <b>) <op> <t>",
        "gap = abs(<a> - <b>)\nreturn gap <op> <t>",
        "gap = <a> - <b>\nif gap < 0:\n    gap = -gap\nreturn gap <op> <t>",
        "if abs(<a> - <b>) <neg> <t>:\n    return False\nreturn True",
    )
    args = ("5, 5, 0", "5, 7, 2", "7, 5, 2", "5, 8, 2", "8, 5, 2", "5, 6, 2", "-1, 1, 1", "-1, -2, 1")
    what = f"whether <a> and <b> differ {word}"
    return sketch(r, name, what, "tolerances", "<a>, <b>, <t>", body, args, a=a, b=b, t=t, op=op, neg=neg)


@family("comparisons", held_out=True)
def middle_value(r: random.Random) -> Sketch:
    a, b, c = pick(r, ("a", "b", "c"), ("x", "y", "z"), ("one", "two", "three"))
    name = pick(r, "median_of_three", "middle_of_three", "middle_value")
    body = pick(
        r,
        "if <a> > <b>:\n    <a>, <b> = <b>, <a>\nif <c> <= <a>:\n    return <a>\n"
        "if <c> >= <b>:\n    return <b>\nreturn <c>",
        "return <a> + <b> + <c> - max(<a>, <b>, <c>) - min(<a>, <b>, <c>)",
        "return sorted([<a>, <b>, <c>])[1]",
        "low = min(<a>, <b>)\nhigh = max(<a>, <b>)\nreturn max(low, min(high, <c>))",
    )
    args = ("1, 2, 3", "3, 2, 1", "2, 1, 3", "2, 3, 1", "1, 3, 2", "3, 1, 2", "5, 5, 1", "-1, 0, -7")
    what = "the middle one of the three numbers by size"
    return sketch(r, name, what, "extremes", "<a>, <b>, <c>", body, args, a=a, b=b, c=c)


@family("comparisons", held_out=True)
def full_years(r: random.Random) -> Sketch:
    a, b = pick(r, ("birth", "today"), ("start", "end"), ("hired", "now"))
    name = pick(r, "full_years", "age_in_years", "years_completed")
    t = pick(r, "years", "age", "elapsed")
    body = pick(
        r,
        "<t> = <b>[0] - <a>[0]\nif <b>[1:] < <a>[1:]:\n    <t> -= 1\nreturn <t>",
        "<t> = <b>[0] - <a>[0]\nif <b>[1:] >= <a>[1:]:\n    return <t>\nreturn <t> - 1",
    )
    what = "the whole years from <a> to <b>, both (year, month, day); the anniversary itself completes a year"
    args = (
        "(2000, 5, 10), (2020, 5, 10)", "(2000, 5, 10), (2020, 5, 9)", "(2000, 5, 10), (2020, 5, 11)",
        "(2000, 5, 10), (2020, 4, 30)", "(2000, 5, 10), (2020, 6, 1)", "(2000, 1, 1), (2000, 12, 31)",
        "(1999, 12, 31), (2000, 1, 1)",
    )  # fmt: skip
    return sketch(r, name, what, "dates", "<a>, <b>", body, args, a=a, b=b, t=t)
