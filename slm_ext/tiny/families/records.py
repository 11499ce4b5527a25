"""Function families over lists of pairs and records that build or read dicts (group `dicts`)."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import comparison, function


@family("dicts")
def grouped_pairs(r: random.Random) -> Sketch:
    names, said, empty, step, alone = r.choice([
        ("totals_by_key sum_by_key", "the sum of its numbers", "0", "$out[$k] += $x", "$out.get($k, 0) + $x"),
        ("sizes_by_key count_by_key", "the number of its entries", "0", "$out[$k] += 1", "$out.get($k, 0) + 1"),
        ("values_by_key collect_by_key", "the list of its numbers", "[]", "$out[$k].append($x)",
         "$out.get($k, []) + [$x]"),
        ("largest_by_key best_by_key", "its largest number", "$x", "$out[$k] = max($out[$k], $x)",
         "max($out.get($k, $x), $x)"),
        ("smallest_by_key lowest_by_key", "its smallest number", "$x", "$out[$k] = min($out[$k], $x)",
         "min($out.get($k, $x), $x)"),
    ])  # fmt: skip
    return function(
        r, names=names, params="pairs", noun="groups sales records", hints="list[tuple[str, int]] -> dict",
        what=f"a dict from each key of the (key, number) pairs to {said}|for every key of pairs, {said}",
        bodies=f"""
            $out = {{}}
            for $k, $x in pairs:
                if $k not in $out:
                    $out[$k] = {empty}
                {step}
            return $out
            ---
            $out = {{}}
            for $k, $x in pairs:
                $out[$k] = {alone}
            return $out
        """,
        checks="$f([('a', 1), ('b', 2), ('a', 3)]); $f([]); $f([('x', 0)]); $f([('b', 5), ('b', -5)]); $f([('q', -2)]);"
        "$f([('m', 4), ('n', 1), ('m', 2), ('n', 9)])",
    )  # fmt: skip


@family("dicts")
def grouped(r: random.Random) -> Sketch:
    m = r.choice([3, 5, 10])
    word, said, first, second, test, other = r.choice([
        ("parity", "even and odd ones", "even", "odd", "$x % 2 == 0", "$x % 2 != 0"),
        ("sign", "negative ones and the rest (0 included)", "negative", "rest", "$x < 0", "$x >= 0"),
        (f"size_{m}", f"small ones (less than {m}) and big ones (the rest)", "small", "big", f"$x < {m}", f"$x >= {m}"),
        (f"limit_{m}", f"within ones (at most {m}) and over ones (the rest)", "within", "over",
         f"$x <= {m}", f"$x > {m}"),
    ])  # fmt: skip
    return function(
        r, names=f"group_by_{word} split_by_{word}", params="$xs", noun="groups stats sorting",
        hints="list[int] -> dict[str, list[int]]",
        what=f"$xs grouped under '{first}' and '{second}': {said}|a dict with '{first}' and '{second}' $xs: {said}",
        bodies=f"""
            $out = {{"{first}": [], "{second}": []}}
            for $x in $xs:
                if {test}:
                    $out["{first}"].append($x)
                else:
                    $out["{second}"].append($x)
            return $out
            ---
            $out = {{"{first}": [], "{second}": []}}
            for $x in $xs:
                $k = "{first}" if {test} else "{second}"
                $out[$k].append($x)
            return $out
            ---
            {first} = [$x for $x in $xs if {test}]
            {second} = [$x for $x in $xs if {other}]
            return {{"{first}": {first}, "{second}": {second}}}
        """,
        checks=f"$f([1, 2, 3, 4]); $f([]); $f([0]); $f([-1, -2, 0, 5]); $f([{m}]);"
        f"$f([{m - 1}, {m}, {m + 1}]); $f([9, 7])",
    )  # fmt: skip


@family("dicts")
def order_value(r: random.Random) -> Sketch:
    missing = r.choice(["skip", "default"])
    price = r.randint(2, 9)
    qty = r.choice(["quantities", "basket", "order"])
    names = "total_known_price order_value_known" if missing == "skip" else f"total_price_default_{price} order_value"
    said = "items without a price are left out" if missing == "skip" else f"items without a price cost {price}"
    expr = "prices.get($k, 0)" if missing == "skip" else f"prices.get($k, {price})"
    loop = f"""
            $total = 0
            for $k, amount in {qty}.items():
                if $k in prices:
                    $total += amount * prices[$k]
                else:
                    $total += amount * {price}
            return $total
    """  # fmt: skip
    if missing == "skip":
        loop = loop.replace(f"                else:\n                    $total += amount * {price}\n", "")
    return function(
        r, names=names, params=f"{qty}, prices",
        noun="shop orders billing", hints="dict[str, int]; dict[str, int] -> int",
        what=f"the price of all of {qty} (amount times price of each); {said}|"
        f"the sum of amount times price over {qty}, where {said}",
        bodies=f"""{loop}
            ---
            return sum(amount * {expr} for $k, amount in {qty}.items())
        """,
        checks="$f({'a': 2}, {'a': 3}); $f({}, {'a': 1}); $f({'a': 1, 'b': 4}, {'a': 5, 'b': 2});"
        "$f({'z': 3}, {'a': 1});"
        "$f({'a': 0, 'b': 1}, {'a': 9, 'b': 7}); $f({'q': 1, 'a': 2}, {'a': 10})",
    )  # fmt: skip


@family("dicts")
def indexed(r: random.Random) -> Sketch:
    field = r.choice(["id", "code", "name"])
    rows, row = r.choice([("rows", "row"), ("records", "record"), ("users", "user")])
    first = r.choice([True, False])
    which = "first" if first else "last"
    guard = f'if {row}["{field}"] not in $out:\n                    ' if first else ""
    early = f'if {row}["{field}"] in $out:\n                    continue\n                ' if first else ""
    return function(
        r, names=f"index_{rows}_by_{field} {which}_{row}_by_{field} {rows}_by_{field}", params=rows,
        noun="records users tables", hints="list[dict] -> dict",
        what=f"a dict from '{field}' to the {which} of the {rows} that has it|"
        f"{rows} indexed by their '{field}', the {which} one wins",
        bodies=f"""
            $out = {{}}
            for {row} in {rows}:
                {guard}$out[{row}["{field}"]] = {row}
            return $out
            ---
            $out = {{}}
            for {row} in {rows}:
                {early}$out[{row}["{field}"]] = {row}
            return $out
        """,
        checks=f"$f([{{'{field}': 'a', 'v': 1}}, {{'{field}': 'b', 'v': 2}}]); $f([]); $f([{{'{field}': 'z'}}]);"
        f"$f([{{'{field}': 'a', 'v': 1}}, {{'{field}': 'a', 'v': 2}}]); $f([{{'{field}': 3, 'n': 0}}]);"
        f"$f([{{'{field}': 1, 'n': 5}}, {{'{field}': 2, 'n': 6}}, {{'{field}': 1, 'n': 7}}])",
    )  # fmt: skip


@family("dicts")
def chosen_keys(r: random.Random) -> Sketch:
    keep = r.choice([True, False])
    fields = r.choice(["fields", "names", "wanted" if keep else "unwanted"])
    names = "pick_keys only_keys select_fields" if keep else "omit_keys without_keys drop_fields"
    said = f"only the keys of $d that are listed in {fields}" if keep else f"all keys of $d except those in {fields}"
    test = f"in {fields}" if keep else f"not in {fields}"
    known = {"k": "key", "v": "entry"}
    return function(
        r, names=names, params=f"$d, {fields}", noun="records settings tables", hints="dict; list[str] -> dict",
        what=f"a dict with {said}|a copy of $d that has {said}",
        bodies=f"""
            return {{$k: $v for $k, $v in $d.items() if $k {test}}}
            ---
            $out = {{}}
            for $k in $d:
                if $k {test}:
                    $out[$k] = $d[$k]
            return $out
            ---
            $out = dict($d)
            for $k in $d:
                if $k {"not in" if keep else "in"} {fields}:
                    $out.pop($k)
            return $out
        """,
        checks="$f({'a': 1, 'b': 2}, ['a']); $f({}, ['a']); $f({'a': 1}, []); $f({'a': 1, 'b': 2}, ['b', 'z']);"
        "$f({'x': 0, 'y': 0}, ['x', 'y']); $f({'m': 'q', 'n': 'r', 'o': 's'}, ['n', 'o'])", **known,
    )  # fmt: skip


@family("dicts")
def count_records(r: random.Random) -> Sketch:
    op, word, phrase = comparison(r)
    field = r.choice(["age", "score", "stock"])
    rows, row = r.choice([("rows", "row"), ("records", "record"), ("people", "person")])
    default = r.choice([0, 1])
    return function(
        r, names=f"count_{field}_{word} how_many_{field}_{word}", params=f"{rows}, $limit", noun="records stats people",
        hints="list[dict]; int -> int",
        what=f"the number of {rows} whose '{field}' is {phrase} $limit (a missing one is {default})|"
        f"how many {rows} have a '{field}' {phrase} $limit; a missing '{field}' counts as {default}",
        bodies=f"""
            $total = 0
            for {row} in {rows}:
                if {row}.get("{field}", {default}) {op} $limit:
                    $total += 1
            return $total
            ---
            return len([{row} for {row} in {rows} if {row}.get("{field}", {default}) {op} $limit])
            ---
            return sum(1 for {row} in {rows} if {row}.get("{field}", {default}) {op} $limit)
        """,
        checks=f"$f([{{'{field}': 5}}, {{'{field}': 8}}, {{'{field}': 2}}, {{'{field}': 9}}], 5); $f([], 3);"
        f"$f([{{}}], {default}); $f([{{}}, {{'{field}': {default}}}], {default}); $f([{{'{field}': -1}}], 4);"
        f"$f([{{}}, {{}}, {{'{field}': 3}}], {default + 1}); $f([{{}}, {{'{field}': 7}}], {default - 1})",
    )  # fmt: skip


@family("dicts")
def scaled_values(r: random.Random) -> Sketch:
    kind = r.choice(["percent", "raise", "cap", "floor"])
    n = r.randint(2, 9)
    names, said, expr, setup = {
        "percent": ("percentages shares_in_percent", "its share of the sum in whole percent (rounded down)",
                    "$v * 100 // whole", "whole = sum($d.values())"),
        "raise": (f"raise_all_by_{n} add_{n}_to_values", f"its value plus {n}", "$v + extra", f"extra = {n}"),
        "cap": (f"cap_values_at_{n} limit_values_to_{n}", f"its value, but at most {n}", "min($v, most)",
                f"most = {n}"),
        "floor": (f"lift_values_to_{n} values_at_least_{n}", f"its value, but at least {n}", "max($v, least)",
                  f"least = {n}"),
    }[kind]  # fmt: skip
    return function(
        r, names=names, params="$d", noun="tables shares stats", hints="dict[str, int] -> dict[str, int]",
        what=f"a dict with the keys of $d, each with {said}|$d with each value replaced by {said}",
        bodies=f"""
            {setup}
            return {{$k: {expr} for $k, $v in $d.items()}}
            ---
            {setup}
            $out = {{}}
            for $k, $v in $d.items():
                $out[$k] = {expr}
            return $out
        """,
        checks=f"$f({{'a': 1, 'b': 3}}); $f({{}}); $f({{'x': {n}}}); $f({{'x': {n + 1}, 'y': {n - 1}}});"
        "$f({'p': 2, 'q': 4}); $f({'a': 1, 'b': 1, 'c': 1})",
    )  # fmt: skip


@family("dicts", held_out=True)
def stock_after(r: random.Random) -> Sketch:
    short = r.choice(["zero", "skip"])
    names = "take_orders stock_after_orders" if short == "zero" else "fill_whole_orders ship_if_enough"
    said = "stock never goes below 0" if short == "zero" else "an order greater than the stock is skipped"
    bodies = """
            left = dict(stock)
            for $k, amount in orders:
                left[$k] = max(0, left.get($k, 0) - amount)
            return left
            ---
            left = dict(stock)
            for $k, amount in orders:
                rest = left.get($k, 0) - amount
                left[$k] = rest if rest > 0 else 0
            return left
    """ if short == "zero" else """
            left = dict(stock)
            for $k, amount in orders:
                if amount <= left.get($k, 0):
                    left[$k] -= amount
            return left
            ---
            left = dict(stock)
            for $k, amount in orders:
                if left.get($k, 0) < amount:
                    continue
                left[$k] = left[$k] - amount
            return left
    """  # fmt: skip
    return function(
        r, names=names, params="stock, orders",
        noun="inventory shop orders", hints="dict[str, int]; list -> dict[str, int]",
        what=f"the stock left after the (name, amount) orders in turn; {said}|"
        f"stock minus orders, one by one, where {said}",
        bodies=bodies,
        checks="$f({'a': 5}, [('a', 2)]); $f({}, []); $f({'a': 3}, [('a', 3)]); $f({'a': 1}, [('a', 2)]);"
        "$f({'b': 4}, []);"
        "$f({'a': 5, 'b': 2}, [('b', 1), ('a', 4), ('a', 2), ('b', 1)]); $f({'a': 9}, [('a', 4), ('a', 4), ('a', 1)])",
    )  # fmt: skip
