"""Families of functions that call themselves: numbers, digits, nested lists, search, text."""

from __future__ import annotations

import random

from slm_ext.tiny.families import nesting  # noqa: F401 - registers its families with this group
from slm_ext.tiny.families.base import Sketch, family, pick, sketch


@family("recursion")
def fold_to_n(r: random.Random) -> Sketch:
    n = pick(r, "n", "number", "limit", "count")
    name, start, zero, expr, what = pick(
        r,
        ("factorial", "0", "1", "<n> * <fn>(<n> - 1)", "the product of the whole numbers from 1 to <n>, 1 for zero"),
        ("sum_to", "0", "0", "<n> + <fn>(<n> - 1)", "the sum of the whole numbers from 1 to <n>, 0 for zero"),
        ("sum_of_squares", "0", "0", "<n> * <n> + <fn>(<n> - 1)", "the sum of the squares from 1 to <n>, 0 for zero"),
        ("double_times", "0", "1", "2 * <fn>(<n> - 1)", "1 doubled <n> times"),
        ("handshakes", "1", "0", "<n> - 1 + <fn>(<n> - 1)", "how many pairs <n> people can form, 0 for fewer than two"),
    )
    body = pick(
        r,
        f"if <n> <= {start}:\n    return {zero}\nreturn {expr}",
        f"if <n> > {start}:\n    return {expr}\nreturn {zero}",
        f"return {zero} if <n> <= {start} else {expr}",
        f"if <n> <= {start}:\n    return {zero}\nelse:\n    return {expr}",
    )
    return sketch(r, name, what, "numbers", "<n>", body, ("0", "1", "2", "3", "4", "6", "7"), n=n)


@family("recursion")
def power_recursive(r: random.Random) -> Sketch:
    b, e = pick(r, ("base", "exponent"), ("number", "times"), ("x", "n"))
    if pick(r, True, False):
        op, zero, name = "*", "1", pick(r, "power", "raise_to", "power_of")
        what = "<b> to the power of <e>, a whole number from 0 on"
        half = "<half> * <half>"
    else:
        op, zero, name = "+", "0", pick(r, "multiply", "times_recursive", "product_by_adding")
        what = "<b> times <e>, a whole number from 0 on, by repeated addition"
        half = "<half> + <half>"
    body = pick(
        r,
        "if <e> == 0:\n    return <zero>\nreturn <b> <op> <fn>(<b>, <e> - 1)",
        "if <e> > 0:\n    return <fn>(<b>, <e> - 1) <op> <b>\nreturn <zero>",
        f"if <e> == 0:\n    return <zero>\n<half> = <fn>(<b>, <e> // 2)\nif <e> % 2 == 0:\n    return {half}\n"
        f"return {half} <op> <b>",
    )
    args = ("2, 0", "2, 1", "2, 5", "3, 3", "0, 2", "-2, 3", "10, 4", "5, 6")
    names = {"b": b, "e": e, "op": op, "zero": zero, "half": pick(r, "half", "part")}
    return sketch(r, name, what, "power", "<b>, <e>", body, args, **names)


@family("recursion")
def divisor_recursive(r: random.Random) -> Sketch:
    a, b = pick(r, ("a", "b"), ("x", "y"), ("big", "small"), ("m", "n"))
    name = pick(r, "gcd", "greatest_divisor", "common_divisor")
    body = pick(
        r,
        "if <b> == 0:\n    return <a>\nreturn <fn>(<b>, <a> % <b>)",
        "return <a> if <b> == 0 else <fn>(<b>, <a> % <b>)",
        "if <a> == 0 or <b> == 0:\n    return <a> + <b>\nif <a> >= <b>:\n    return <fn>(<a> - <b>, <b>)\n"
        "return <fn>(<a>, <b> - <a>)",
        "if <b> > 0:\n    return <fn>(<b>, <a> % <b>)\nreturn <a>",
    )
    args = ("12, 8", "8, 12", "7, 5", "9, 9", "6, 0", "0, 6", "1, 10", "100, 75")
    what = "the greatest number that divides both <a> and <b>, which are not negative"
    return sketch(r, name, what, "numbers", "<a>, <b>", body, args, a=a, b=b)


@family("recursion")
def sequence_value(r: random.Random) -> Sketch:
    n = pick(r, "n", "index", "position", "place")
    name, zero, one, back, what = pick(
        r,
        ("fibonacci", 0, 1, "<fn>(<n> - 1) + <fn>(<n> - 2)", "each value is the sum of the two before"),
        ("lucas", 2, 1, "<fn>(<n> - 1) + <fn>(<n> - 2)", "each value is the sum of the two before"),
        (
            "triple_step",
            0,
            1,
            "<fn>(<n> - 1) + 3 * <fn>(<n> - 2)",
            "each value is the one before plus 3 times the one before that",
        ),
        (
            "jacobsthal",
            0,
            1,
            "<fn>(<n> - 1) + 2 * <fn>(<n> - 2)",
            "each value is the one before plus twice the one before that",
        ),
        (
            "pell",
            0,
            1,
            "2 * <fn>(<n> - 1) + <fn>(<n> - 2)",
            "each value is twice the one before plus the one before that",
        ),
    )
    body = pick(
        r,
        f"if <n> == 0:\n    return {zero}\nif <n> == 1:\n    return {one}\nreturn {back}",
        f"if <n> < 2:\n    return {one} if <n> == 1 else {zero}\nreturn {back}",
        f"if <n> >= 2:\n    return {back}\nreturn {zero} if <n> == 0 else {one}",
    )
    what = f"value number <n> of the sequence that starts with {zero}, {one} at 0; {what}"
    return sketch(r, name, what, "sequences", "<n>", body, ("0", "1", "2", "3", "4", "5", "8"), n=n)


@family("recursion")
def digits_recursive(r: random.Random) -> Sketch:
    n = pick(r, "n", "number", "value")
    name, small, expr, what = pick(
        r,
        ("digit_sum", "<n>", "<n> % 10 + <fn>(<n> // 10)", "the sum of the digits of <n>"),
        ("digit_count", "1", "1 + <fn>(<n> // 10)", "how many digits <n> has"),
        ("digit_product", "<n>", "<n> % 10 * <fn>(<n> // 10)", "the product of the digits of <n>"),
        ("first_digit", "<n>", "<fn>(<n> // 10)", "the first digit of <n>"),
        ("max_digit", "<n>", "max(<n> % 10, <fn>(<n> // 10))", "the greatest digit of <n>"),
        ("min_digit", "<n>", "min(<n> % 10, <fn>(<n> // 10))", "the least digit of <n>"),
    )
    body = pick(
        r,
        f"if <n> < 10:\n    return {small}\nreturn {expr}",
        f"if <n> >= 10:\n    return {expr}\nreturn {small}",
        f"return {small} if <n> < 10 else {expr}",
        f"rest = <n> // 10\nif rest == 0:\n    return {small}\nreturn {expr.replace('<n> // 10', 'rest')}",
    )
    args = ("0", "7", "9", "10", "11", "42", "352", "9081")
    return sketch(r, name, what + ", not negative", "digits", "<n>", body, args, n=n)


@family("recursion")
def search_sorted(r: random.Random) -> Sketch:
    v, x = pick(r, ("values", "target"), ("items", "wanted"), ("numbers", "number"))
    low, high, mid = pick(r, ("low", "high", "mid"), ("left", "right", "middle"), ("start", "end", "half"))
    miss = pick(r, "-1", "None")
    open_end = pick(r, True, False)
    empty, stop = ("<low> >= <high>", "<mid>") if open_end else ("<low> > <high>", "<mid> - 1")
    name = pick(r, "binary_search", "find_sorted", "search") + ("_between" if open_end else "")
    head = f"if {empty}:\n    return <miss>\n<mid> = (<low> + <high>) // 2\n"
    body = head + pick(
        r,
        f"if <v>[<mid>] == <x>:\n    return <mid>\nif <v>[<mid>] < <x>:\n"
        f"    return <fn>(<v>, <x>, <mid> + 1, <high>)\n"
        f"return <fn>(<v>, <x>, <low>, {stop})",
        f"if <v>[<mid>] > <x>:\n    return <fn>(<v>, <x>, <low>, {stop})\n"
        "if <v>[<mid>] < <x>:\n    return <fn>(<v>, <x>, <mid> + 1, <high>)\nreturn <mid>",
    )
    until = "<high> excluded" if open_end else "<high> included"
    what = f"the index of <x> in the sorted list <v> from <low> to <high>, {until}, or <miss>"
    n = 1 if open_end else 0
    args = (
        f"[1, 3, 5, 7], 1, 0, {3 + n}", f"[1, 3, 5, 7], 7, 0, {3 + n}", f"[1, 3, 5, 7], 5, 0, {3 + n}",
        f"[1, 3, 5, 7], 4, 0, {3 + n}", f"[], 1, 0, {n - 1}", f"[2], 2, 0, {n}", f"[2], 3, 0, {n}",
        f"[2, 4, 6], 6, 0, {1 + n}",
        f"[1, 2, 3, 4, 5], 4, 0, {4 + n}", f"[0, 9], 9, 0, {1 + n}",
    )  # fmt: skip
    names = {"v": v, "x": x, "low": low, "high": high, "mid": mid, "miss": miss}
    return sketch(r, name, what, "search", "<v>, <x>, <low>, <high>", body, args, **names)


@family("recursion")
def count_list(r: random.Random) -> Sketch:
    n = pick(r, "n", "start", "number", "top")
    zero = pick(r, True, False)
    up = pick(r, True, False)
    end = "0" if zero else "1"
    name = pick(r, "count_up", "numbers_up") if up else pick(r, "count_down", "countdown")
    name += "_from_zero" if zero and up else "_to_zero" if zero else ""
    expr = "<fn>(<n> - 1) + [<n>]" if up else "[<n>] + <fn>(<n> - 1)"
    body = pick(
        r,
        f"if <n> < {end}:\n    return []\nreturn {expr}",
        f"if <n> >= {end}:\n    return {expr}\nreturn []",
        f"return {expr} if <n> >= {end} else []",
    )
    a, b = (end, "<n>") if up else ("<n>", end)
    what = f"the list of the whole numbers from {a} {'up' if up else 'down'} to {b}, empty when <n> is less than {end}"
    return sketch(r, name, what, "counting", "<n>", body, ("0", "1", "2", "5", "-1", "-3", "3"), n=n)


@family("recursion")
def text_recursive(r: random.Random) -> Sketch:
    s = pick(r, "text", "word", "line")
    name, first, what = pick(
        r,
        ("reverse", "<fn>(<s>[1:]) + <s>[0]", "<s> with its characters in reverse order"),
        ("double_chars", "<s>[0] + <s>[0] + <fn>(<s>[1:])", "<s> with every character written twice"),
        ("spaced", '" " + <s>[0] + <fn>(<s>[1:])', "<s> with a space before every character"),
        ("dotted", '<s>[0] + "." + <fn>(<s>[1:])', "<s> with a dot after every character"),
        ("mirrored", "<s>[0] + <fn>(<s>[1:]) + <s>[0]", "<s> followed by <s> in reverse order"),
    )
    body = pick(
        r,
        f'if <s> == "":\n    return ""\nreturn {first}',
        f"if not <s>:\n    return <s>\nreturn {first}",
        f"if len(<s>) > 0:\n    return {first}\nreturn <s>",
        f"if len(<s>) == 0:\n    return <s>\nrest = <fn>(<s>[1:])\nreturn {first.replace('<fn>(<s>[1:])', 'rest')}",
    )
    return sketch(r, name, what, "text", "<s>", body, ('""', '"a"', '"ab"', '"abc"', '"noon"', '"x y"', '"hello"'), s=s)


@family("recursion")
def char_recursive(r: random.Random) -> Sketch:
    s, c = pick(r, ("text", "char"), ("word", "letter"), ("line", "symbol"))
    name, zero, same, other, what = pick(
        r,
        ("count_char", "0", "1 + rest", "rest", "how often <c> occurs in <s>"),
        ("count_other_chars", "0", "rest", "1 + rest", "how many characters of <s> are not <c>"),
        ("remove_char", '""', "rest", "<s>[0] + rest", "<s> without the character <c>"),
        ("double_char", '""', "<c> + <c> + rest", "<s>[0] + rest", "<s> with every <c> doubled"),
        ("char_to_dash", '""', '"-" + rest', "<s>[0] + rest", "<s> with '-' instead of <c>"),
    )
    body = pick(
        r,
        f"if not <s>:\n    return {zero}\nrest = <fn>(<s>[1:], <c>)\nif <s>[0] == <c>:\n"
        f"    return {same}\nreturn {other}",
        f'if <s> == "":\n    return {zero}\nrest = <fn>(<s>[1:], <c>)\nreturn {same} if <s>[0] == <c> else {other}',
        f"if len(<s>) == 0:\n    return {zero}\nrest = <fn>(<s>[1:], <c>)\nif <s>[0] != <c>:\n"
        f"    return {other}\nreturn {same}",
    )
    args = ('"", "a"', '"a", "a"', '"b", "a"', '"banana", "a"', '"banana", "b"', '"aa", "a"', '"xyz", "z"')
    return sketch(r, name, what, "text", "<s>, <c>", body, args, s=s, c=c)


@family("recursion")
def number_base(r: random.Random) -> Sketch:
    n = pick(r, "n", "number", "value")
    base, word = pick(r, (2, "binary"), (8, "octal"), (3, "ternary"), (5, "base_five"))
    name = pick(r, f"to_{word}", f"{word}_text", f"{word}_digits")
    body = pick(
        r,
        "if <n> < <base>:\n    return str(<n>)\nreturn <fn>(<n> // <base>) + str(<n> % <base>)",
        "if <n> >= <base>:\n    return <fn>(<n> // <base>) + str(<n> % <base>)\nreturn str(<n>)",
        "rest = str(<n> % <base>)\nif <n> < <base>:\n    return rest\nreturn <fn>(<n> // <base>) + rest",
    )
    what = "<n>, not negative, as text in the number system with base <base>"
    args = [str(i) for i in (0, 1, base - 1, base + 9, base * base, base * base + 1, base, 100)]
    return sketch(r, name, what, "digits", "<n>", body, list(dict.fromkeys(args)), n=n, base=base)


@family("recursion")
def sum_between(r: random.Random) -> Sketch:
    a, b = pick(r, ("low", "high"), ("start", "end"), ("first", "last"))
    kind, op = pick(r, ("sum", "+"), ("product", "*"))
    zero = "0" if op == "+" else "1"
    closed = pick(r, True, False)
    stop, other, until = (">", "<=", "<b> included") if closed else (">=", "<", "<b> excluded")
    name = f"{kind}_from_to" if closed else f"{kind}_from_until"
    body = pick(
        r,
        f"if <a> {stop} <b>:\n    return {zero}\nreturn <a> {op} <fn>(<a> + 1, <b>)",
        f"if <a> {other} <b>:\n    return <a> {op} <fn>(<a> + 1, <b>)\nreturn {zero}",
        f"return {zero} if <a> {stop} <b> else <a> {op} <fn>(<a> + 1, <b>)",
    )
    what = f"the {kind} of the whole numbers from <a> to <b>, {until}; {zero} when there are none"
    args = ("1, 4", "3, 3", "3, 4", "4, 3", "-2, 1", "2, 6", "0, 1", "5, 7")
    return sketch(r, name, what, "ranges", "<a>, <b>", body, args, a=a, b=b)


@family("recursion", held_out=True)
def choose(r: random.Random) -> Sketch:
    n, k = pick(r, ("n", "k"), ("total", "chosen"), ("size", "picked"))
    if pick(r, True, False):
        name = pick(r, "binomial", "choose", "combinations")
        what = "in how many ways <k> of <n> things can be chosen, 0 when <k> is greater than <n>"
        expr = "<fn>(<n> - 1, <k> - 1) + <fn>(<n> - 1, <k>)"
    else:
        name = pick(r, "arrangements", "permutations_of", "ordered_choices")
        what = "in how many orders <k> of <n> things can be lined up, 0 when <k> is greater than <n>"
        expr = "<n> * <fn>(<n> - 1, <k> - 1)"
    body = pick(
        r,
        f"if <k> > <n>:\n    return 0\nif <k> == 0:\n    return 1\nreturn {expr}",
        f"if <k> == 0:\n    return 1\nif <n> < <k>:\n    return 0\nreturn {expr}",
    )
    args = ("0, 0", "1, 0", "1, 1", "4, 2", "5, 3", "2, 3", "6, 6", "6, 1")
    return sketch(r, name, what, "counting", "<n>, <k>", body, args, n=n, k=k)


@family("recursion", held_out=True)
def hanoi(r: random.Random) -> Sketch:
    n = pick(r, "disks", "height", "n")
    a, b, c = pick(r, ("source", "target", "spare"), ("start", "goal", "helper"))
    name = pick(r, "hanoi_moves", "tower_moves", "move_disks")
    body = pick(
        r,
        "if <n> == 0:\n    return []\nbefore = <fn>(<n> - 1, <a>, <c>, <b>)\nafter = <fn>(<n> - 1, <c>, <b>, <a>)\n"
        "return before + [(<a>, <b>)] + after",
        "if <n> > 0:\n    moves = <fn>(<n> - 1, <a>, <c>, <b>)\n    moves.append((<a>, <b>))\n"
        "    return moves + <fn>(<n> - 1, <c>, <b>, <a>)\nreturn []",
    )
    what = "the list of moves (from, to) that bring <n> stacked disks from <a> to <b> by way of <c>"
    args = ("0, 1, 2, 3", "1, 1, 2, 3", "2, 1, 2, 3", "3, 1, 2, 3", "1, 3, 1, 2", "2, 3, 2, 1")
    return sketch(r, name, what, "puzzle", "<n>, <a>, <b>, <c>", body, args, n=n, a=a, b=b, c=c)
