"""Families of labels and rules by thresholds: grades, prices by age, classes, opening hours, kinds."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family, pick, sketch


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
