"""Families of integer and decimal arithmetic: division, percentages, digits, prices, divisors."""

from __future__ import annotations

import random

from slm_ext.tiny.families import money  # noqa: F401 - registers its families with this group
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
