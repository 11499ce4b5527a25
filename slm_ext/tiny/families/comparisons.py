"""Families of comparisons: bounds, intervals, ranks, labels by thresholds, conditions joined by and/or."""

from __future__ import annotations

import random

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
def grade(r: random.Random) -> Sketch:
    p = pick(r, "score", "points", "mark", "result")
    top, mid = pick(r, (90, 75), (85, 60), (80, 50))
    word, op, neg = pick(r, ("from", ">=", "<"), ("above", ">", "<="))
    x, y, z = pick(
        r, ("A", "B", "C"), ("good", "fair", "poor"), ("gold", "silver", "bronze"), ("high", "medium", "low")
    )
    name = pick(r, "grade_for", "rank_of", "label_for", "rating") + ("" if op == ">=" else "_above")
    body = pick(
        r,
        'if <p> <op> <top>:\n    return "<x>"\nif <p> <op> <mid>:\n    return "<y>"\nreturn "<z>"',
        'if <p> <op> <top>:\n    return "<x>"\nelif <p> <op> <mid>:\n    return "<y>"\nelse:\n    return "<z>"',
        'if <p> <neg> <mid>:\n    return "<z>"\nif <p> <neg> <top>:\n    return "<y>"\nreturn "<x>"',
        'label = "<z>"\nif <p> <op> <mid>:\n    label = "<y>"\nif <p> <op> <top>:\n    label = "<x>"\nreturn label',
    )
    what = f"'<x>' for <p> {word} <top>, '<y>' {word} <mid>, otherwise '<z>'"
    args = [str(n) for n in (top + 1, top, top - 1, mid + 1, mid, mid - 1, 0, 100)]
    return sketch(r, name, what, "grades", "<p>", body, args, p=p, top=top, mid=mid, x=x, y=y, z=z, op=op, neg=neg)


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
def leap_year(r: random.Random) -> Sketch:
    y = pick(r, "year", "y")
    what = "whether <y> is a leap year: divisible by 4 and not by 100, or divisible by 400"
    if pick(r, True, True, False):
        name = pick(r, "is_leap_year", "is_leap", "leap_year")
        body = pick(
            r,
            "return <y> % 4 == 0 and (<y> % 100 != 0 or <y> % 400 == 0)",
            "return (<y> % 4 == 0 and <y> % 100 != 0) or <y> % 400 == 0",
            "if <y> % 400 == 0:\n    return True\nif <y> % 100 == 0:\n    return False\nreturn <y> % 4 == 0",
            "if <y> % 4 != 0:\n    return False\nif <y> % 100 != 0:\n    return True\nreturn <y> % 400 == 0",
        )
    else:
        name, d = pick(r, ("days_in_year", "366 if {} else 365"), ("february_days", "29 if {} else 28"))
        rule = "<y> % 4 == 0 and (<y> % 100 != 0 or <y> % 400 == 0)"
        body = pick(
            r,
            f"leap = {rule}\nreturn " + d.format("leap"),
            f"if {rule}:\n    return {d[:3].strip()}\nreturn {d[-3:].strip()}",
        )
        what = f"{d[:3].strip()} when <y> is a leap year (by 4 and not 100, or by 400), otherwise {d[-3:].strip()}"
    args = ("2024", "2023", "1900", "2000", "2100", "2400", "4", "2026")
    return sketch(r, name, what, "calendar", "<y>", body, args, y=y)


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
def sign_label(r: random.Random) -> Sketch:
    n = pick(r, "number", "value", "n", "balance", "change")
    words = pick(r, ("1", "-1", "0"), ('"up"', '"down"', '"same"'), ('"plus"', '"minus"', '"zero"'))
    p, m, z = words
    name = pick(r, "sign", "sign_of") if p == "1" else pick(r, "direction", "trend", "sign_word")
    body = pick(
        r,
        "if <n> > 0:\n    return <p>\nif <n> < 0:\n    return <m>\nreturn <z>",
        "if <n> == 0:\n    return <z>\nreturn <p> if <n> > 0 else <m>",
        "if <n> < 0:\n    return <m>\nelif <n> > 0:\n    return <p>\nelse:\n    return <z>",
    )
    what = f"{p} when <n> is greater than zero, {m} when less, {z} when zero".replace('"', "'")
    return sketch(r, name, what, "signs", "<n>", body, ("0", "1", "-1", "7", "-7", "2", "-2"), n=n, p=p, m=m, z=z)


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


@family("comparisons")
def age_price(r: random.Random) -> Sketch:
    p = pick(r, "age", "years")
    child, senior = pick(r, (12, 65), (6, 60), (16, 67), (14, 70))
    full, low, mid = pick(r, (20, 8, 12), (10, 0, 5), (15, 5, 9))
    name = pick(r, "ticket_price", "entry_fee", "fare_for_age", "pool_price")
    body = pick(
        r,
        "if <p> < <child>:\n    return <low>\nif <p> >= <senior>:\n    return <mid>\nreturn <full>",
        "if <p> >= <senior>:\n    return <mid>\nelif <p> >= <child>:\n    return <full>\nelse:\n    return <low>",
        "price = <full>\nif <p> < <child>:\n    price = <low>\nelif <p> >= <senior>:\n    price = <mid>\nreturn price",
    )
    what = "the price by <p>: <low> below <child>, <mid> from <senior> on, otherwise <full>"
    args = [str(n) for n in (0, child - 1, child, child + 1, senior - 1, senior, senior + 1, 30)]
    names = {"p": p, "child": child, "senior": senior, "full": full, "low": low, "mid": mid}
    return sketch(r, name, what, "tickets", "<p>", body, args, **names)


@family("comparisons")
def joined_conditions(r: random.Random) -> Sketch:
    stem, p, q = pick(
        r,
        ("may_enter", "age", "height"),
        ("gets_loan", "income", "savings"),
        ("passes", "written", "oral"),
        ("is_eligible", "points", "games"),
    )
    m, n = pick(r, (18, 150), (50, 60), (10, 3), (100, 40))
    word, op, opn = pick(r, ("both", "and", "or"), ("either", "or", "and"))
    level, cmp, neg = pick(r, ("at least", ">=", "<"), ("more than", ">", "<="))
    name = f"{stem}_with_{word}" if pick(r, True, False) else f"{stem}_{'all' if word == 'both' else 'any'}"
    name += "" if cmp == ">=" else "_above"
    first, second = ("False", "True") if op == "and" else ("True", "False")
    c = neg if op == "and" else cmp
    body = pick(
        r,
        "return <p> <cmp> <m> <op> <q> <cmp> <n>",
        f"if <p> {c} <m>:\n    return {first}\nif <q> {c} <n>:\n    return {first}\nreturn {second}",
        "if <p> <neg> <m> <opn> <q> <neg> <n>:\n    return False\nreturn True",
    )
    what = f"whether <p> is {level} <m> {op} <q> is {level} <n>"
    args = [
        f"{m + i}, {n + j}" for i, j in ((0, 0), (-1, 0), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (0, 1))
    ]
    names = {"p": p, "q": q, "m": m, "n": n, "op": op, "cmp": cmp, "neg": neg, "opn": opn}
    return sketch(r, name, what, "rules", "<p>, <q>", body, args, **names)


@family("comparisons")
def triangle(r: random.Random) -> Sketch:
    a, b, c = pick(r, ("a", "b", "c"), ("x", "y", "z"), ("first", "second", "third"))
    if pick(r, True, False):
        name = pick(r, "is_triangle", "valid_triangle", "can_form_triangle")
        what = "whether each of the three sides is less than the sum of the other two"
        body = pick(
            r,
            "return <a> < <b> + <c> and <b> < <a> + <c> and <c> < <a> + <b>",
            "if <a> >= <b> + <c> or <b> >= <a> + <c>:\n    return False\nreturn <c> < <a> + <b>",
            "longest = max(<a>, <b>, <c>)\nreturn longest < <a> + <b> + <c> - longest",
        )
    else:
        name = pick(r, "triangle_kind", "triangle_type", "classify_triangle")
        what = "'equilateral' for three equal sides, 'isosceles' for exactly two, otherwise 'scalene'"
        body = pick(
            r,
            'if <a> == <b> and <b> == <c>:\n    return "equilateral"\n'
            'if <a> == <b> or <b> == <c> or <a> == <c>:\n    return "isosceles"\nreturn "scalene"',
            "sides = len({<a>, <b>, <c>})\n"
            'if sides == 1:\n    return "equilateral"\nif sides == 2:\n    return "isosceles"\nreturn "scalene"',
        )
    args = (
        "3, 4, 5",
        "5, 5, 5",
        "5, 5, 3",
        "3, 5, 5",
        "5, 3, 5",
        "1, 2, 3",
        "3, 1, 2",
        "1, 3, 2",
        "2, 2, 9",
        "9, 2, 2",
    )
    return sketch(r, name, what, "shapes", "<a>, <b>, <c>", body, args, a=a, b=b, c=c)


@family("comparisons")
def climate_label(r: random.Random) -> Sketch:
    p, low, high, x, y, z = pick(
        r,
        ("degrees", 10, 25, "cold", "mild", "hot"),
        ("speed", 30, 100, "slow", "normal", "fast"),
        ("weight", 5, 20, "light", "medium", "heavy"),
        ("load", 20, 80, "idle", "busy", "overloaded"),
        ("pages", 50, 300, "short", "usual", "long"),
    )
    inner = pick(r, True, False)
    under, over = ("<", ">") if inner else ("<=", ">=")
    name = pick(r, f"{p}_label", f"describe_{p}", f"{p}_class")
    name += "" if inner else "_inclusive"
    wording = "below <low>, '<z>' above <high>" if inner else "up to <low> included, '<z>' from <high> on"
    body = pick(
        r,
        'if <p> <under> <low>:\n    return "<x>"\nif <p> <over> <high>:\n    return "<z>"\nreturn "<y>"',
        'if <p> <over> <high>:\n    return "<z>"\nelif <p> <under> <low>:\n    return "<x>"\nreturn "<y>"',
        'label = "<y>"\nif <p> <under> <low>:\n    label = "<x>"\n'
        'elif <p> <over> <high>:\n    label = "<z>"\nreturn label',
    )
    args = [str(n) for n in (0, low - 1, low, low + 1, high - 1, high, high + 1, -5)]
    names = {"under": under, "over": over, "p": p, "low": low, "high": high, "x": x, "y": y, "z": z}
    return sketch(r, name, f"'<x>' for <p> {wording}, otherwise '<y>'", "labels", "<p>", body, args, **names)


@family("comparisons")
def opening_hours(r: random.Random) -> Sketch:
    h = pick(r, "hour", "time", "now")
    start, end = pick(r, (9, 17), (8, 20), (10, 18), (7, 15))
    closed = pick(r, False, True)
    name = pick(r, "is_closed", "is_after_hours") if closed else pick(r, "is_open", "shop_is_open", "in_working_hours")
    if closed:
        what = "whether <h> is before <start> or not before <end>"
        body = pick(
            r,
            "return <h> < <start> or <h> >= <end>",
            "return not (<start> <= <h> < <end>)",
            "if <h> < <start>:\n    return True\nreturn <h> >= <end>",
        )
    else:
        what = "whether <h> is at or after <start> and before <end>"
        body = pick(
            r,
            "return <start> <= <h> < <end>",
            "if <h> < <start>:\n    return False\nreturn <h> < <end>",
            "return <h> >= <start> and <h> < <end>",
        )
    args = [str(n) for n in (0, start - 1, start, start + 1, end - 1, end, end + 1, 23)]
    return sketch(r, name, what, "schedule", "<h>", body, args, h=h, start=start, end=end)


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
