"""Families of money and measures: percentages, discounts, taxes, growth, unit conversion, packing."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family, pick, sketch


@family("arithmetic")
def percent_math(r: random.Random) -> Sketch:
    name, a, b, what, expr, expr2 = pick(
        r,
        ("percent_change", "old", "new", "the change from <a> to <b> in percent of <a>", "<b> - <a>", "<a>"),
        ("percent_saved", "full", "paid", "how many percent of <a> were saved by paying <b>", "<a> - <b>", "<a>"),
        ("percent_of", "whole", "part", "how many percent of <a> is <b>", "<b>", "<a>"),
        ("percent_missing", "target", "reached", "how many percent of <a> are not reached", "<a> - <b>", "<a>"),
    )
    zero = pick(r, "0", "None")
    ratio = f"100 * ({expr}) / {expr2}" if " " in expr else f"100 * {expr} / {expr2}"
    local = pick(r, "difference", "delta", "portion", "step")
    body = pick(
        r,
        "if <a> == 0:\n    return <zero>\nreturn " + ratio,
        "if <a> == 0:\n    return <zero>\n<local> = " + expr + "\nreturn <local> * 100 / " + expr2,
        "if <a> != 0:\n    return " + ratio + "\nreturn <zero>",
    )
    args = ("50, 75", "50, 25", "200, 200", "0, 10", "0, 0", "8, 1", "4, 10", "100, 0")
    what += f"; {zero} when {a} is zero"
    return sketch(r, name, what, "percent", "<a>, <b>", body, args, a=a, b=b, zero=zero, local=local)


@family("arithmetic")
def temperature(r: random.Random) -> Sketch:
    if pick(r, True, False):
        name, p, q = pick(r, "celsius_to_fahrenheit", "to_fahrenheit"), pick(r, "celsius", "temperature"), "fahrenheit"
        what = "the degrees Fahrenheit for <p> in Celsius (times 9/5, plus 32)"
        body = pick(
            r, "return <p> * 9 / 5 + 32", "<q> = <p> * 9 / 5\nreturn <q> + 32", "<q> = 32 + <p> * 9 / 5\nreturn <q>"
        )
        args = ("0", "100", "-40", "10", "35", "-5", "20")
    else:
        name, p, q = pick(r, "fahrenheit_to_celsius", "to_celsius"), pick(r, "fahrenheit", "temperature"), "celsius"
        what = "the degrees Celsius for <p> in Fahrenheit (minus 32, times 5/9)"
        body = pick(
            r,
            "return (<p> - 32) * 5 / 9",
            "<q> = (<p> - 32) * 5 / 9\nreturn <q>",
            "above = <p> - 32\nreturn above * 5 / 9",
        )
        args = ("32", "212", "-40", "50", "95", "23", "68")
    return sketch(r, name, what, "units", "<p>", body, args, p=p, q=q)


@family("arithmetic")
def threshold_discount(r: random.Random) -> Sketch:
    p = pick(r, "price", "total", "amount", "subtotal")
    limit, percent = pick(r, 50, 100, 200), pick(r, 5, 10, 20, 25)
    word, op, neg = pick(r, ("of at least", ">=", "<"), ("above", ">", "<="))
    down = pick(r, True, False)
    sign, verb = ("-", "lowered") if down else ("+", "raised")
    stem = (
        pick(r, "discounted", "price_after_discount", "apply_discount")
        if down
        else pick(r, "with_surcharge", "add_fee")
    )
    x = pick(r, "discount", "saving", "cut") if down else pick(r, "surcharge", "fee", "extra")
    body = pick(
        r,
        "if <p> <op> <limit>:\n    return <p> <sign> <p> * <percent> // 100\nreturn <p>",
        "if <p> <neg> <limit>:\n    return <p>\n<x> = <p> * <percent> // 100\nreturn <p> <sign> <x>",
        "<x> = 0\nif <p> <op> <limit>:\n    <x> = <p> * <percent> // 100\nreturn <p> <sign> <x>",
    )
    what = f"<p> {verb} by {percent} percent (rounded down) when it is {word} {limit}"
    what = what.replace("is of at", "is at") + ", otherwise unchanged"
    args = [str(v) for v in (0, 1, limit - 1, limit, limit + 1, limit + 20, limit * 2, limit * 10)]
    return sketch(
        r, stem, what, "prices", "<p>", body, args, p=p, x=x, op=op, neg=neg, sign=sign, limit=limit, percent=percent
    )


@family("arithmetic")
def allowance_tax(r: random.Random) -> Sketch:
    name, p, free, percent, text = pick(
        r,
        ("income_tax", "income", pick(r, 1000, 5000), pick(r, 10, 20, 30), "tax on"),
        ("tax_due", "salary", pick(r, 2000, 8000), pick(r, 15, 25), "tax on"),
        ("import_duty", "value", pick(r, 150, 400), pick(r, 5, 20), "duty on"),
        ("commission", "sales", pick(r, 500, 1500), pick(r, 5, 10), "commission on"),
    )
    t = pick(r, "taxed", "extra", "over")
    body = pick(
        r,
        "if <p> <= <free>:\n    return 0\nreturn (<p> - <free>) * <percent> // 100",
        "<t> = max(0, <p> - <free>)\nreturn <t> * <percent> // 100",
        "<t> = <p> - <free>\nif <t> > 0:\n    return <t> * <percent> // 100\nreturn 0",
    )
    what = f"the {text} <p>, <percent> percent (rounded down) of what exceeds <free>, never negative"
    args = [str(v) for v in (0, free - 1, free, free + 1, free + 20, free * 2, free * 3 + 5)]
    return sketch(r, name, what, "money", "<p>", body, args, p=p, t=t, free=free, percent=percent)


@family("arithmetic")
def unit_split(r: random.Random) -> Sketch:
    name, p, q, rest, size, what = pick(
        r,
        ("hours_and_minutes", "minutes", "hours", "rest", 60, "minutes as a tuple (hours, minutes left over)"),
        ("minutes_and_seconds", "seconds", "minutes", "rest", 60, "seconds as a tuple (minutes, seconds left over)"),
        ("days_and_hours", "hours", "days", "rest", 24, "hours as a tuple (days, hours left over)"),
        ("weeks_and_days", "days", "weeks", "rest", 7, "days as a tuple (weeks, days left over)"),
        ("dozens_and_single", "eggs", "dozens", "single", 12, "eggs as a tuple (dozens of 12, eggs left over)"),
    )
    body = pick(
        r,
        "return (<p> // <size>, <p> % <size>)",
        "<q> = <p> // <size>\n<rest> = <p> % <size>\nreturn (<q>, <rest>)",
        "<q>, <rest> = divmod(<p>, <size>)\nreturn (<q>, <rest>)",
        "<q> = <p> // <size>\nreturn (<q>, <p> - <q> * <size>)",
        "<q> = 0\nwhile <p> >= <size>:\n    <q> += 1\n    <p> -= <size>\nreturn (<q>, <p>)",
    )
    args = [str(v) for v in (0, 1, size - 1, size, size + 1, size * 2, size * 3 + 5)]
    return sketch(r, name, what, "units", "<p>", body, args, p=p, q=q, rest=rest, size=size)


@family("arithmetic")
def yearly_growth(r: random.Random) -> Sketch:
    p, y = pick(r, ("balance", "years"), ("amount", "months"), ("stock", "rounds"), ("capital", "periods"))
    percent = pick(r, 5, 10, 20, 50)
    grow = pick(r, True, False)
    sign = "+" if grow else "-"
    name = pick(r, "grow", "balance_after", "with_interest") if grow else pick(r, "shrink", "value_after_loss", "decay")
    what = f"<p> after <y> steps that each {'add' if grow else 'take away'} <percent> percent of it, rounded down"
    t = pick(r, "change", "part", "delta")
    body = pick(
        r,
        "for _ in range(<y>):\n    <p> <sign>= <p> * <percent> // 100\nreturn <p>",
        "for _ in range(<y>):\n    <t> = <p> * <percent> // 100\n    <p> = <p> <sign> <t>\nreturn <p>",
        "while <y> > 0:\n    <p> <sign>= <p> * <percent> // 100\n    <y> -= 1\nreturn <p>",
    )
    args = ("100, 0", "100, 1", "100, 2", "0, 5", "1000, 3", "19, 1", "7, 2")
    return sketch(r, name, what, "money", "<p>, <y>", body, args, p=p, y=y, t=t, percent=percent, sign=sign)


@family("arithmetic")
def ceil_division(r: random.Random) -> Sketch:
    name, a, b, what = pick(
        r,
        ("pages_needed", "items", "per_page", "how many pages of per_page items are needed to show all items"),
        ("boxes_needed", "bottles", "box_size", "how many boxes that hold box_size each are needed for all bottles"),
        ("trips_needed", "people", "seats", "how many trips with seats places each it takes to move all people"),
        ("full_boxes", "bottles", "box_size", "how many boxes that hold box_size each are filled completely"),
        ("full_rows", "chairs", "row_length", "how many complete rows of row_length can be made from chairs"),
    )
    q = pick(r, "count", "whole", "n")
    if name.startswith("full"):
        body = pick(r, "return <a> // <b>", "<q> = 0\nwhile <a> >= <b>:\n    <a> -= <b>\n    <q> += 1\nreturn <q>")
    else:
        body = pick(
            r,
            "return (<a> + <b> - 1) // <b>",
            "<q> = <a> // <b>\nif <a> % <b> > 0:\n    <q> += 1\nreturn <q>",
            "<q> = 0\nwhile <a> > 0:\n    <a> -= <b>\n    <q> += 1\nreturn <q>",
        )
    args = ("0, 4", "1, 4", "4, 4", "5, 4", "8, 4", "9, 4", "3, 1", "2, 10")
    return sketch(r, name, what, "packing", "<a>, <b>", body, args, a=a, b=b, q=q)


@family("arithmetic")
def shape_measure(r: random.Random) -> Sketch:
    a, b = pick(r, ("width", "height"), ("length", "breadth"), ("w", "h"))
    name, what, body = pick(
        r,
        ("rectangle_area", "the area of a rectangle with sides <a> and <b>", "return <a> * <b>"),
        (
            "perimeter",
            "the length of all four sides of a rectangle",
            pick(r, "return 2 * (<a> + <b>)", "return <a> * 2 + <b> * 2"),
        ),
        ("half_perimeter", "the sum of the two sides of a rectangle", "return <a> + <b>"),
        (
            "border_area",
            "the area of a frame of width 1 around a rectangle",
            "return (<a> + 2) * (<b> + 2) - <a> * <b>",
        ),
        (
            "longer_side_surplus",
            "by how much the longer side exceeds the shorter",
            "return max(<a>, <b>) - min(<a>, <b>)",
        ),
    )
    if pick(r, True, False):
        body = "if <a> < 0 or <b> < 0:\n    return None\n" + body
        what += ", or None when a side is negative"
    args = ("3, 4", "4, 3", "1, 1", "0, 5", "5, 0", "10, 2", "-1, 4", "4, -1")
    return sketch(r, name, what, "shapes", "<a>, <b>", body, args, a=a, b=b)
