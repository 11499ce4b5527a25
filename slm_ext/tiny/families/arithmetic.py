"""Families of integer and decimal arithmetic: division, percentages, digits, prices, divisors."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family, pick, sketch


@family("arithmetic")
def safe_division(r: random.Random) -> Sketch:
    a, b = pick(r, ("total", "count"), ("numerator", "denominator"), ("amount", "parts"), ("a", "b"))
    stem, op, what = pick(
        r,
        ("divide", "/", "<a> divided by <b>"),
        ("floor_divide", "//", "<a> divided by <b>, rounded down"),
        ("remainder", "%", "the remainder of <a> divided by <b>"),
    )
    suffix, d = pick(r, ("or_zero", "0"), ("or_none", "None"), ("or_minus_one", "-1"))
    body = pick(
        r,
        "if <b> == 0:\n    return <d>\nreturn <a> <op> <b>",
        "return <a> <op> <b> if <b> != 0 else <d>",
        "if <b> != 0:\n    return <a> <op> <b>\nreturn <d>",
        "if <b> == 0:\n    return <d>\nelse:\n    return <a> <op> <b>",
    )
    args = ("9, 3", "7, 2", "0, 5", "7, 0", "0, 0", "-9, 2", "3, -4", "1, 1")
    what += ", or <d> when <b> is zero"
    return sketch(r, f"{stem}_{suffix}", what, "numbers", "<a>, <b>", body, args, a=a, b=b, d=d, op=op)


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
def round_to_multiple(r: random.Random) -> Sketch:
    n, m = pick(r, ("number", "step"), ("value", "multiple"), ("n", "size"), ("amount", "unit"))
    up = pick(r, True, False)
    rest = pick(r, "rest", "remainder", "extra")
    if up:
        name = pick(r, "round_up_to_multiple", "ceil_to_multiple", "next_multiple_or_same")
        what = "the smallest multiple of <m> that is not less than <n>"
        body = pick(
            r,
            "<rest> = <n> % <m>\nif <rest> == 0:\n    return <n>\nreturn <n> + <m> - <rest>",
            "return (<n> + <m> - 1) // <m> * <m>",
            "<rest> = <n> % <m>\nif <rest> > 0:\n    <n> += <m> - <rest>\nreturn <n>",
        )
    else:
        name = pick(r, "round_down_to_multiple", "floor_to_multiple", "previous_multiple_or_same")
        what = "the largest multiple of <m> that is not greater than <n>"
        body = pick(
            r,
            "return <n> - <n> % <m>",
            "return <n> // <m> * <m>",
            "<rest> = <n> % <m>\nreturn <n> - <rest>",
        )
    args = ("0, 5", "5, 5", "6, 5", "9, 5", "10, 5", "7, 1", "-3, 4", "23, 8")
    return sketch(r, name, what, "rounding", "<n>, <m>", body, args, n=n, m=m, rest=rest)


@family("arithmetic")
def digit_loop(r: random.Random) -> Sketch:
    n = pick(r, "number", "n", "value")
    t, d = pick(r, ("total", "digit"), ("result", "digit"), ("acc", "d"))
    kind, start, step, what = pick(
        r,
        ("sum_of_digits", "0", "<t> += <d>", "the sum of the decimal digits of <n>"),
        ("product_of_digits", "1", "<t> *= <d>", "the product of the decimal digits of <n>"),
        ("count_even_digits", "0", "if <d> % 2 == 0:\n        <t> += 1", "how many decimal digits of <n> are even"),
        ("count_odd_digits", "0", "if <d> % 2 == 1:\n        <t> += 1", "how many decimal digits of <n> are odd"),
        ("largest_digit", "0", "if <d> > <t>:\n        <t> = <d>", "the largest decimal digit of <n>"),
    )
    body = pick(
        r,
        "<t> = " + start + "\nfor <d> in map(int, str(<n>)):\n    " + step + "\nreturn <t>",
        "<t> = " + start + "\nfor char in str(<n>):\n    <d> = int(char)\n    " + step + "\nreturn <t>",
    )
    args = ("0", "7", "10", "123", "909", "2468", "1357", "505")
    return sketch(r, kind, what, "digits", "<n>", body, args, n=n, t=t, d=d)


@family("arithmetic")
def power_loop(r: random.Random) -> Sketch:
    b, e = pick(r, ("base", "exponent"), ("number", "times"), ("x", "n"))
    t = pick(r, "result", "product", "value")
    if pick(r, True, False):
        name, op, start = pick(r, "power", "raise_to", "int_power"), "*", "1"
        what = "<b> raised to <e>, a whole number from 0 on"
    else:
        name, op, start = pick(r, "multiply_by_adding", "times_by_sum", "repeated_sum"), "+", "0"
        what = "<b> times <e>, by adding <b> to zero <e> times"
    body = pick(
        r,
        "<t> = <start>\nfor _ in range(<e>):\n    <t> <op>= <b>\nreturn <t>",
        "<t> = <start>\nwhile <e> > 0:\n    <t> <op>= <b>\n    <e> -= 1\nreturn <t>",
        "if <e> == 0:\n    return <start>\n<t> = <b>\nfor _ in range(<e> - 1):\n    <t> <op>= <b>\nreturn <t>",
    )
    args = ("2, 0", "2, 1", "2, 5", "3, 3", "0, 2", "-2, 3", "10, 4", "1, 9")
    return sketch(r, name, what, "power", "<b>, <e>", body, args, b=b, e=e, t=t, op=op, start=start)


@family("arithmetic")
def range_total(r: random.Random) -> Sketch:
    n = pick(r, "n", "limit", "last", "stop")
    t, i = pick(r, ("total", "number"), ("result", "i"), ("acc", "value"))
    which, test = pick(r, ("even", "<i> % 2 == 0"), ("odd", "<i> % 2 == 1"), ("all", ""))
    word, end, until = pick(r, ("up_to", "<n> + 1", "to <n>, including <n>"), ("below", "<n>", "up to but without <n>"))
    if which == "all":
        name, what = pick(r, f"sum_{word}", f"total_{word}"), "the sum of the whole numbers from 1 " + until
        body = pick(
            r,
            "<t> = 0\nfor <i> in range(1, <end>):\n    <t> += <i>\nreturn <t>",
            "return sum(range(1, <end>))",
        )
    else:
        name = pick(r, f"sum_{which}_{word}", f"total_of_{which}_{word}")
        what = f"the sum of the {which} whole numbers from 1 " + until
        body = pick(
            r,
            "<t> = 0\nfor <i> in range(1, <end>):\n    if <test>:\n        <t> += <i>\nreturn <t>",
            "return sum(<i> for <i> in range(1, <end>) if <test>)",
        )
    args = ("0", "1", "2", "3", "4", "7", "10")
    return sketch(r, name, what, "sums", "<n>", body, args, end=end, test=test, n=n, t=t, i=i)


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
def common_divisor(r: random.Random) -> Sketch:
    a, b = pick(r, ("a", "b"), ("x", "y"), ("first", "second"), ("m", "n"))
    if pick(r, True, False):
        name, what = pick(r, "gcd", "greatest_common_divisor"), "the greatest common divisor of <a> and <b>"
        body = pick(
            r,
            "while <b> != 0:\n    <a>, <b> = <b>, <a> % <b>\nreturn <a>",
            "while <b> > 0:\n    rest = <a> % <b>\n    <a> = <b>\n    <b> = rest\nreturn <a>",
            "for d in range(min(<a>, <b>), 0, -1):\n    if <a> % d == 0 and <b> % d == 0:\n        return d\n"
            "return max(<a>, <b>)",
        )
        args = ("12, 8", "8, 12", "7, 5", "9, 9", "6, 0", "0, 6", "1, 10", "100, 75")
    else:
        name, what = pick(r, "lcm", "least_common_multiple"), "the least common multiple of <a> and <b>, both positive"
        t = pick(r, "result", "multiple", "candidate")
        body = pick(
            r,
            f"{t} = <a>\nwhile {t} % <b> != 0:\n    {t} += <a>\nreturn {t}",
            f"{t} = max(<a>, <b>)\nwhile {t} % <a> != 0 or {t} % <b> != 0:\n    {t} += 1\nreturn {t}",
        )
        args = ("4, 6", "6, 4", "7, 5", "9, 9", "1, 10", "3, 12", "10, 15")
    return sketch(r, name, what, "numbers", "<a>, <b>", body, args, a=a, b=b)


@family("arithmetic")
def divisors(r: random.Random) -> Sketch:
    n, d = pick(r, ("n", "d"), ("number", "divisor"), ("value", "candidate"))
    name, what, body = pick(
        r,
        (
            pick(r, "is_prime", "prime"),
            "whether <n> is a prime number (2 is the smallest one)",
            "if <n> < 2:\n    return False\nfor <d> in range(2, <n>):\n    if <n> % <d> == 0:\n        return False\n"
            "return True",
        ),
        (
            pick(r, "is_prime", "prime"),
            "whether <n> is a prime number (2 is the smallest one)",
            "if <n> < 2:\n    return False\nreturn all(<n> % <d> != 0 for <d> in range(2, <n>))",
        ),
        (
            "count_divisors",
            "how many numbers from 1 to <n>, including <n>, divide <n>",
            "return sum(1 for <d> in range(1, <n> + 1) if <n> % <d> == 0)",
        ),
        (
            "proper_divisors",
            "the list of the divisors of <n> that are less than <n>",
            "return [<d> for <d> in range(1, <n>) if <n> % <d> == 0]",
        ),
        (
            "smallest_factor",
            "the smallest divisor of <n> greater than 1, or <n> itself when there is none",
            "for <d> in range(2, <n>):\n    if <n> % <d> == 0:\n        return <d>\nreturn <n>",
        ),
    )
    args = ("1", "2", "3", "4", "9", "12", "13", "25")
    return sketch(r, name, what, "numbers", "<n>", body, args, n=n, d=d)


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


@family("arithmetic", held_out=True)
def integer_root(r: random.Random) -> Sketch:
    n, t = pick(r, ("n", "root"), ("number", "guess"), ("value", "side"))
    power, word = pick(r, ("* <t>", "square"), ("* <t> * <t>", "cube"))
    bump = power.replace("<t>", "(<t> + 1)")
    name = pick(r, f"{word}_root_floor", f"floor_{word}_root")
    body = pick(
        r,
        f"<t> = 0\nwhile (<t> + 1) {bump} <= <n>:\n    <t> += 1\nreturn <t>",
        f"<t> = 0\nwhile <t> {power} <= <n>:\n    <t> += 1\nreturn <t> - 1",
    )
    what = f"the largest whole number whose {word} is not greater than <n>"
    args = ("0", "1", "3", "4", "7", "8", "9", "26", "27", "64")
    return sketch(r, name, what, "numbers", "<n>", body, args, n=n, t=t)


@family("arithmetic", held_out=True)
def reversed_digits(r: random.Random) -> Sketch:
    n, t = pick(r, ("n", "result"), ("number", "reverse"), ("value", "mirrored"))
    base = pick(r, 10, 10, 2)
    kind = "decimal" if base == 10 else "binary"
    name = pick(r, f"reverse_{kind}_digits", f"mirror_{kind}")
    body = pick(
        r,
        "<t> = 0\nwhile <n> > 0:\n    <t> = <t> * <base> + <n> % <base>\n    <n> //= <base>\nreturn <t>",
        "<t> = 0\nwhile <n> > 0:\n    <n>, digit = divmod(<n>, <base>)\n    <t> = <t> * <base> + digit\nreturn <t>",
    )
    what = f"the number whose {kind} digits are those of <n> in reverse order"
    args = ("0", "1", "7", "10", "12", "120", "907", "1000")
    return sketch(r, name, what, "digits", "<n>", body, args, n=n, t=t, base=base)


@family("arithmetic", held_out=True)
def repeated_digit_sum(r: random.Random) -> Sketch:
    n, c = pick(r, ("n", "steps"), ("number", "rounds"), ("value", "times"))
    t, d = pick(r, ("total", "digit"), ("acc", "d"))
    if pick(r, True, False):
        name, start, count, give = pick(r, "digital_root", "final_digit_sum"), "", "", "<n>"
        what = "the digit that is left after the digits of <n> are added up again and again"
    else:
        name = pick(r, "digit_sum_rounds", "rounds_to_one_digit")
        start, count, give = "<c> = 0\n", "    <c> += 1\n", "<c>"
        what = "how often the digits of <n> must be added up until one digit is left"
    body = pick(
        r,
        f"{start}while <n> > 9:\n    <n> = sum(int(<d>) for <d> in str(<n>))\n{count}return {give}",
        f"{start}while <n> >= 10:\n    <t> = 0\n    for <d> in str(<n>):\n        <t> += int(<d>)\n    <n> = <t>\n"
        f"{count}return {give}",
    )
    args = ("0", "7", "9", "10", "19", "38", "99", "199", "12345")
    return sketch(r, name, what, "digits", "<n>", body, args, n=n, c=c, t=t, d=d)
