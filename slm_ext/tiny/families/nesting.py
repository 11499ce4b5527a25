"""Families that call themselves on lists, nested lists and trees."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family, pick, sketch

NESTED = ("[]", "[1]", "[1, [2, 3]]", "[[], [[4]]]", "[5, [1, [7, 2]], 3]", "[[-1], -2]", "[0, [0, [6]]]")
LISTS = ("[]", "[3]", "[1, 2]", "[2, 1]", "[4, 4, 2]", "[-1, -5, 3]", "[0, 7, 0, 2]", "[9, 8, 1]")


@family("recursion")
def nested_fold(r: random.Random) -> Sketch:
    v, x = pick(r, ("items", "item"), ("values", "value"), ("nested", "entry"))
    t = pick(r, "total", "result", "count")
    name, part, leaf, what = pick(
        r,
        ("nested_sum", "<fn>(<x>)", "<x>", "the sum of all numbers in <v>, a list of numbers and such lists"),
        ("count_leaves", "<fn>(<x>)", "1", "how many numbers there are in <v>, a list of numbers and such lists"),
        ("count_lists", "1 + <fn>(<x>)", "0", "how many lists lie inside <v>, at any depth, itself not counted"),
        ("squares_sum", "<fn>(<x>)", "<x> * <x>", "the sum of the squares of all numbers in the nested list <v>"),
    )
    body = pick(
        r,
        f"<t> = 0\nfor <x> in <v>:\n    if isinstance(<x>, list):\n        <t> += {part}\n"
        f"    else:\n        <t> += {leaf}\n"
        "return <t>",
        f"<t> = 0\nfor <x> in <v>:\n    <t> += {part} if isinstance(<x>, list) else {leaf}\nreturn <t>",
        f"if not <v>:\n    return 0\n<x> = <v>[0]\n"
        f"<t> = {part} if isinstance(<x>, list) else {leaf}\nreturn <t> + <fn>(<v>[1:])",
    )
    return sketch(r, name, what, "nested", "<v>", body, NESTED, v=v, x=x, t=t)


@family("recursion")
def flattened(r: random.Random) -> Sketch:
    v, x = pick(r, ("items", "item"), ("values", "value"), ("nested", "entry"))
    t = pick(r, "result", "flat", "out")
    name, keep, note = pick(
        r,
        ("flatten", "", ""),
        ("flat_positive", "<x> > 0", " greater than zero"),
        ("flat_non_negative", "<x> >= 0", " not less than zero"),
        ("flat_even", "<x> % 2 == 0", " that are even"),
    )
    push = f"elif {keep}:\n        <t>.append(<x>)" if keep else "else:\n        <t>.append(<x>)"
    body = pick(
        r,
        f"<t> = []\nfor <x> in <v>:\n    if isinstance(<x>, list):\n"
        f"        <t>.extend(<fn>(<x>))\n    {push}\nreturn <t>",
        f"<t> = []\nfor <x> in <v>:\n    if isinstance(<x>, list):\n        <t> += <fn>(<x>)\n    {push}\nreturn <t>",
    )
    what = f"one list of the numbers in the nested list <v>{note}, in order"
    return sketch(r, name, what, "nested", "<v>", body, (*NESTED, "[3, [2], [], 1, 0]"), v=v, x=x, t=t)


@family("recursion")
def nesting_depth(r: random.Random) -> Sketch:
    v, x = pick(r, ("items", "item"), ("values", "value"), ("nested", "entry"))
    t = pick(r, "deepest", "depth", "best")
    start, note = pick(r, (1, "1"), (0, "0"))
    name = pick(r, "depth_of", "nesting_depth") if start else pick(r, "inner_depth", "levels_inside")
    body = pick(
        r,
        "<t> = <start>\nfor <x> in <v>:\n    if isinstance(<x>, list):\n"
        "        <t> = max(<t>, 1 + <fn>(<x>))\nreturn <t>",
        "<t> = <start>\nfor <x> in <v>:\n"
        "    if isinstance(<x>, list) and <fn>(<x>) + 1 > <t>:\n        <t> = <fn>(<x>) + 1\n"
        "return <t>",
        "inner = [<x> for <x> in <v> if isinstance(<x>, list)]\nif not inner:\n    return <start>\n"
        "return 1 + max(<fn>(<x>) for <x> in inner)",
    )
    what = f"how deeply lists are nested in <v>, {note} for a list without lists in it"
    return sketch(r, name, what, "nested", "<v>", body, (*NESTED, "[[[1]], [2]]"), v=v, x=x, t=t, start=start)


@family("recursion")
def list_recursive(r: random.Random) -> Sketch:
    v = pick(r, "values", "numbers", "items")
    name, zero, expr, what = pick(
        r,
        ("sum_list", "0", "<v>[0] + <fn>(<v>[1:])", "the sum of <v>, 0 when empty"),
        ("product_list", "1", "<v>[0] * <fn>(<v>[1:])", "the product of <v>, 1 when empty"),
        ("length_of", "0", "1 + <fn>(<v>[1:])", "how many values <v> holds"),
        (
            "alternating_sum",
            "0",
            "<v>[0] - <fn>(<v>[1:])",
            "the first of <v> minus the second plus the third and so on",
        ),
        ("reversed_list", "[]", "<fn>(<v>[1:]) + [<v>[0]]", "a list of <v> in reverse order"),
        ("every_second", "[]", "[<v>[0]] + <fn>(<v>[2:])", "the first, third, fifth ... of <v>"),
        ("doubled_list", "[]", "[<v>[0] * 2] + <fn>(<v>[1:])", "a list of the values of <v> times 2"),
    )
    body = pick(
        r,
        f"if not <v>:\n    return {zero}\nreturn {expr}",
        f"if len(<v>) == 0:\n    return {zero}\nreturn {expr}",
        f"if <v>:\n    return {expr}\nreturn {zero}",
        f"return {expr} if <v> else {zero}",
    )
    return sketch(r, name, what, "lists", "<v>", body, LISTS, v=v)


@family("recursion")
def list_extreme(r: random.Random) -> Sketch:
    v = pick(r, "values", "numbers", "items")
    word, op, func = pick(r, ("largest", ">", "max"), ("smallest", "<", "min"))
    rest = pick(r, "rest", "best", "other")
    empty = pick(r, True, False)
    name = pick(r, f"{word}_in", f"find_{word}", f"recursive_{func}") + ("_or_none" if empty else "")
    guard = "if not <v>:\n    return None\n" if empty else ""
    body = guard + pick(
        r,
        "if len(<v>) == 1:\n    return <v>[0]\n<rest> = <fn>(<v>[1:])\nreturn <v>[0] if <v>[0] <op> <rest> else <rest>",
        "if len(<v>) == 1:\n    return <v>[0]\n<rest> = <fn>(<v>[1:])\n"
        "if <v>[0] <op> <rest>:\n    return <v>[0]\nreturn <rest>",
        "if len(<v>) == 1:\n    return <v>[0]\nreturn <func>(<v>[0], <fn>(<v>[1:]))",
    )
    what = f"the {word} of <v>" + (", None when empty" if empty else ", which holds at least one number")
    args = (*LISTS, "[2, 9, 4]") if empty else (*LISTS[1:], "[2, 9, 4]")
    return sketch(r, name, what, "extremes", "<v>", body, args, v=v, op=op, func=func, rest=rest)


@family("recursion")
def all_or_any(r: random.Random) -> Sketch:
    v, limit = pick(r, "values", "numbers", "scores"), pick(r, "limit", "bound", "border")
    quant = pick(r, "all", "any")
    word, op, neg, phrase = pick(
        r,
        ("above", ">", "<=", "greater than"),
        ("below", "<", ">=", "less than"),
        ("at_least", ">=", "<", "at least"),
        ("at_most", "<=", ">", "at most"),
    )
    rest = "<fn>(<v>[1:], <limit>)"
    if quant == "all":
        body = pick(
            r,
            f"if not <v>:\n    return True\nif <v>[0] {neg} <limit>:\n    return False\nreturn {rest}",
            f"if not <v>:\n    return True\nreturn <v>[0] {op} <limit> and {rest}",
        )
    else:
        body = pick(
            r,
            f"if not <v>:\n    return False\nif <v>[0] {op} <limit>:\n    return True\nreturn {rest}",
            f"if not <v>:\n    return False\nreturn <v>[0] {op} <limit> or {rest}",
        )
    empty = "True" if quant == "all" else "False"
    what = f"whether {'every' if quant == 'all' else 'some'} number of <v> is {phrase} <limit>; {empty} when empty"
    args = (
        "[], 3",
        "[3], 3",
        "[4], 3",
        "[2], 3",
        "[4, 2], 3",
        "[2, 4], 3",
        "[5, 3, 4], 3",
        "[1, 3, 2], 3",
        "[-1, -2], -1",
    )
    return sketch(r, f"{quant}_{word}", what, "checks", "<v>, <limit>", body, args, v=v, limit=limit)


@family("recursion")
def tree_fold(r: random.Random) -> Sketch:
    t = pick(r, "tree", "node", "root")
    lt, x, rt = pick(r, ("left", "value", "right"), ("smaller", "key", "larger"))
    name, expr, what = pick(
        r,
        ("tree_sum", "<fn>(<lt>) + <x> + <fn>(<rt>)", "the sum of the values in <t>"),
        ("tree_size", "<fn>(<lt>) + 1 + <fn>(<rt>)", "how many values <t> holds"),
        ("tree_height", "1 + max(<fn>(<lt>), <fn>(<rt>))", "how many levels <t> has"),
        ("tree_values", "<fn>(<lt>) + [<x>] + <fn>(<rt>)", "the list of the values in <t> from left to right"),
        (
            "tree_preorder",
            "[<x>] + <fn>(<lt>) + <fn>(<rt>)",
            "the list of the values in <t>, each before those under it",
        ),
        ("tree_mirror", "(<fn>(<rt>), <x>, <fn>(<lt>))", "<t> with left and right exchanged everywhere"),
    )
    zero = {"tree_mirror": "None", "tree_values": "[]", "tree_preorder": "[]"}.get(name, "0")
    hole = lt if name in ("tree_size", "tree_height") else ""
    unpack = f"{hole or '<lt>'}, {'_' if hole else '<x>'}, <rt> = <t>"
    body = pick(
        r,
        f"if <t> is None:\n    return {zero}\n{unpack}\nreturn {expr}",
        f"if <t> is not None:\n    {unpack}\n    return {expr}\nreturn {zero}",
    )
    args = ("None", "(None, 1, None)", "((None, 1, None), 2, None)", "(None, 2, (None, 5, None))",
            "((None, 1, None), 2, (None, 3, None))", "(None, -4, (None, 6, (None, 8, None)))")  # fmt: skip
    what += "; a tree is None or (<lt>, value, <rt>)"
    return sketch(r, name, what, "trees", "<t>", body, args, t=t, lt=lt, x=x, rt=rt)


@family("recursion", held_out=True)
def merge_sorted(r: random.Random) -> Sketch:
    a, b = pick(r, ("left", "right"), ("a", "b"), ("first", "second"))
    down = pick(r, True, False)
    op = ">=" if down else "<="
    other = "<" if down else ">"
    name = pick(r, "merge_descending", "join_falling") if down else pick(r, "merge_ascending", "join_rising")
    head = pick(
        r,
        "if not <a> or not <b>:\n    return <a> + <b>\n",
        "if not <a>:\n    return <b>\nif not <b>:\n    return <a>\n",
    )
    body = head + pick(
        r,
        f"if <a>[0] {op} <b>[0]:\n    return [<a>[0]] + <fn>(<a>[1:], <b>)\nreturn [<b>[0]] + <fn>(<a>, <b>[1:])",
        f"if <a>[0] {other} <b>[0]:\n    return [<b>[0]] + <fn>(<a>, <b>[1:])\nreturn [<a>[0]] + <fn>(<a>[1:], <b>)",
    )
    order = "falling" if down else "rising"
    what = f"one {order} list of all numbers of the {order} lists <a> and <b>"
    args = ["[], []", "[1], []", "[], [2]", "[1, 3], [2, 4]", "[1, 2], [3]", "[5], [1, 4]", "[2, 2], [2]"]
    if down:
        args = ["[], []", "[1], []", "[], [2]", "[3, 1], [4, 2]", "[3], [2, 1]", "[4, 1], [5]", "[2, 2], [2]"]
    return sketch(r, name, what, "sorting", "<a>, <b>", body, args, a=a, b=b)
