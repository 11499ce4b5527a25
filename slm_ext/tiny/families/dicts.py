"""Function families over dicts: inverting, merging, filtering, looking up; those on records stand in `records`."""

from __future__ import annotations

import random

from slm_ext.tiny.families import records  # noqa: F401 - registers its families with this group
from slm_ext.tiny.families.base import Sketch, family
from slm_ext.tiny.families.shaping import OPPOSITE, comparison, function


@family("dicts")
def inverted(r: random.Random) -> Sketch:
    first = r.choice([True, False])
    which = "first" if first else "last"
    bodies = """
            $out = {}
            for $k, $v in $d.items():
                if $v not in $out:
                    $out[$v] = $k
            return $out
            ---
            $out = {}
            for $k in $d:
                $out.setdefault($d[$k], $k)
            return $out
    """ if first else """
            $out = {}
            for $k, $v in $d.items():
                $out[$v] = $k
            return $out
            ---
            return {$v: $k for $k, $v in $d.items()}
    """  # fmt: skip
    return function(
        r, names=f"invert_keep_{which} swap_keep_{which} reverse_{which}_wins", params="$d", noun="tables lookup codes",
        what=f"$d with keys and values swapped, the {which} key wins for equal values|"
        f"a dict from each value of $d to the {which} key that has it",
        bodies=bodies, hints="dict[str, int] -> dict[int, str]",
        checks="$f({'a': 1, 'b': 2}); $f({}); $f({'a': 1, 'b': 1}); $f({'x': 0}); $f({'p': 3, 'q': 3, 'r': 3});"
        "$f({'a': 2, 'b': 5, 'c': 2})",
    )  # fmt: skip


@family("dicts")
def merged_counts(r: random.Random) -> Sketch:
    how, expr, said = r.choice([
        ("add", "$out.get($k, 0) + $v", "adding the counts of shared keys"),
        ("max", "max($out.get($k, 0), $v)", "with the larger count of shared keys"),
        ("subtract", "$out.get($k, 0) - $v", "subtracting the counts of right"),
    ])  # fmt: skip
    names = {
        "add": "merge_counts add_counts combine_totals",
        "max": "merge_largest_counts max_counts union_counts",
        "subtract": "subtract_counts remove_counts count_difference",
    }[how]
    long = {
        "add": "$out[$k] = left.get($k, 0) + right.get($k, 0)",
        "max": "$out[$k] = max(left.get($k, 0), right.get($k, 0))",
        "subtract": "$out[$k] = left.get($k, 0) - right.get($k, 0)",
    }[how]
    verb = {"add": "merged", "max": "merged", "subtract": "as one dict"}[how]
    return function(
        r, names=names, params="left, right", noun="counts inventory votes",
        hints="dict[str, int]; dict[str, int] -> dict[str, int]",
        what=f"left and right {verb}, {said} (missing ones count as 0)|"
        f"the counts of left and right in one dict, {said}; a missing key is 0",
        bodies=f"""
            $out = dict(left)
            for $k, $v in right.items():
                $out[$k] = {expr}
            return $out
            ---
            $out = {{}}
            for $k in list(left) + list(right):
                {long}
            return $out
        """,
        checks="$f({'a': 1}, {'a': 2}); $f({}, {}); $f({'a': 1}, {}); $f({}, {'b': 4}); $f({'a': 5, 'b': 1}, {'b': 3});"
        "$f({'x': 7, 'y': 2}, {'y': 2, 'z': 1}); $f({'a': 4}, {'a': 3})",
    )  # fmt: skip


@family("dicts")
def extreme_key(r: random.Random) -> Sketch:
    kind, op, pick, names = r.choice([
        ("highest", ">", "max", "most_common_key key_of_highest leader"),
        ("lowest", "<", "min", "least_common_key key_of_lowest rarest"),
    ])  # fmt: skip
    return function(
        r, names=names, params="$d",
        noun="votes ranking counts", hints="dict[str, int] -> str | None", op=op, pick=pick,
        what=f"the key of $d with the {kind} value (the first one on ties), or None if $d is empty|"
        f"which key of $d has the {kind} value; the first of equal ones, None for an empty dict",
        bodies="""
            $best = None
            for $k in $d:
                if $best is None or $d[$k] $op $d[$best]:
                    $best = $k
            return $best
            ---
            if not $d:
                return None
            return $pick($d, key=$d.get)
            ---
            wanted = $pick($d.values(), default=0)
            for $k, $v in $d.items():
                if $v == wanted:
                    return $k
            return None
        """,
        checks="$f({'a': 1, 'b': 3, 'c': 2}); $f({}); $f({'z': 0}); $f({'x': 2, 'y': 2}); $f({'p': -1, 'q': -5});"
        "$f({'m': 4, 'n': 1, 'o': 1, 'r': 4}); $f({'u': 9, 'v': 1})",
    )  # fmt: skip


@family("dicts")
def filtered(r: random.Random) -> Sketch:
    op, word, phrase = comparison(r)
    as_keys = r.choice([True, False])
    m = r.randint(2, 8)
    names = f"keys_{word} names_with_value_{word}" if as_keys else f"keep_values_{word} entries_{word} filter_{word}"
    said = "the sorted keys of $d whose value is" if as_keys else "the entries of $d whose value is"
    bodies = """
            return sorted($k for $k, $v in $d.items() if $v $op $limit)
            ---
            $out = []
            for $k in sorted($d):
                if $d[$k] $op $limit:
                    $out.append($k)
            return $out
    """ if as_keys else """
            return {$k: $v for $k, $v in $d.items() if $v $op $limit}
            ---
            $out = dict($d)
            for $k, $v in $d.items():
                if $v $bad $limit:
                    del $out[$k]
            return $out
            ---
            $out = {}
            for $k, $v in $d.items():
                if $v $op $limit:
                    $out[$k] = $v
            return $out
    """  # fmt: skip
    kind = "list[str]" if as_keys else "dict[str, int]"
    return function(
        r, names=names, params="$d, $limit", noun="filters inventory tables", hints=f"dict[str, int]; int -> {kind}",
        what=f"{said} {phrase} $limit", op=op, bad=OPPOSITE[op], bodies=bodies,
        checks=f"$f({{'b': {m}, 'a': {m + 1}, 'c': {m - 1}}}, {m}); $f({{}}, {m}); $f({{'x': {m}}}, {m});"
        f"$f({{'x': {m + 3}}}, {m}); $f({{'y': 0, 'x': {m}}}, 0); $f({{'n': -2, 'p': 2}}, -2); $f({{'q': 1}}, {m})",
    )  # fmt: skip


@family("dicts")
def nested_lookup(r: random.Random) -> Sketch:
    path = r.choice(["path", "keys", "parts"])
    default = r.choice(["default", "fallback", "otherwise"])
    return function(
        r, names="nested_get lookup_path deep_get find_setting", params=f"$d, {path}, {default}=None",
        noun="settings config lookup", hints="dict; list[str]; object -> object",
        what=f"the value found by following {path} down the nested $d, or {default} if a key is missing|"
        f"the entry of the nested $d under {path}, {default} where it does not exist",
        bodies=f"""
            node = $d
            for $k in {path}:
                if not isinstance(node, dict) or $k not in node:
                    return {default}
                node = node[$k]
            return node
            ---
            node = $d
            for $k in {path}:
                try:
                    node = node[$k]
                except (KeyError, TypeError):
                    return {default}
            return node
        """,
        checks="$f({'a': {'b': 1}}, ['a', 'b']); $f({}, ['a']); $f({'a': 2}, ['a']);"
        "$f({'a': {'b': 1}}, ['a', 'c'], 7);"
        "$f({'a': 3}, ['a', 'b'], 0); $f({'a': {'b': {'c': 'x'}}}, ['a', 'b', 'c']); $f({'k': 1}, []);"
        "$f({}, ['q'], 5)",
    )  # fmt: skip


@family("dicts")
def word_counts(r: random.Random) -> Sketch:
    least = r.randint(2, 4)
    lower = r.choice([True, False])
    case = ", ignoring case" if lower else ""
    split = "text.lower().split()" if lower else "text.split()"
    word = r.choice(["word", "token", "term"])
    op, name, phrase = r.choice([(">=", f"of_{least}_or_more_letters", f"of at least {least} letters"),
                                 (">", f"over_{least}_letters", f"of more than {least} letters")])  # fmt: skip
    inverse = OPPOSITE[op]
    bigger, longest = "x" * (least + 1), "y" * (least + 2)
    return function(
        r, names=f"count_{word}s_{name} {word}_counts_{name}", params="text", noun="text words search",
        hints="str -> dict[str, int]", what=f"how often each {word} {phrase} occurs in text{case}|"
        f"a dict from every {word} {phrase} in text to its count{case}",
        bodies=f"""
            $out = {{}}
            for {word} in {split}:
                if len({word}) {op} {least}:
                    $out[{word}] = $out.get({word}, 0) + 1
            return $out
            ---
            $out = {{}}
            for {word} in {split}:
                if len({word}) {inverse} {least}:
                    continue
                if {word} not in $out:
                    $out[{word}] = 0
                $out[{word}] += 1
            return $out
        """,
        checks=f"$f('{'x' * least} {bigger} {bigger}'); $f(''); $f('{bigger.upper()} {bigger}'); $f('a');"
        f"$f('{longest} b {longest} {longest}'); $f('{'z' * least}'); $f('{'q' * (least - 1)} {longest}')",
    )  # fmt: skip


@family("dicts")
def key_differences(r: random.Random) -> Sketch:
    kind = r.choice(["common", "missing", "added", "changed"])
    old, new = r.choice([("before", "after"), ("old", "new"), ("left", "right")])
    names, said, source, test = {
        "common": ("common_keys shared_keys", f"keys that are in both {old} and {new}", old, f"$k in {new}"),
        "missing": ("missing_keys removed_keys lost_keys", f"keys of {old} that are not in {new}", old,
                    f"$k not in {new}"),
        "added": ("added_keys new_keys", f"keys of {new} that are not in {old}", new, f"$k not in {old}"),
        "changed": ("changed_keys altered_keys", f"keys in both {old} and {new} whose values differ", old,
                    f"$k in {new} and {old}[$k] != {new}[$k]"),
    }[kind]  # fmt: skip
    return function(
        r, names=names, params=f"{old}, {new}", noun="changes settings diff", hints="dict; dict -> list[str]",
        what=f"the sorted {said}|a sorted list of the {said}",
        bodies=f"""
            return sorted($k for $k in {source} if {test})
            ---
            $out = []
            for $k in {source}:
                if {test}:
                    $out.append($k)
            return sorted($out)
            ---
            return [$k for $k in sorted({source}) if {test}]
        """,
        checks="$f({'a': 1, 'b': 2}, {'b': 2, 'c': 3}); $f({}, {}); $f({'z': 1, 'a': 1}, {}); $f({}, {'y': 1, 'b': 0});"
        "$f({'z': 1, 'a': 2}, {'a': 3, 'z': 4}); $f({'k': 1}, {'k': 1});"
        "$f({'b': 1, 'a': 0}, {'a': 0, 'b': 2, 'd': 1})",
    )  # fmt: skip


@family("dicts", held_out=True)
def patched(r: random.Random) -> Sketch:
    patch = r.choice(["patch", "updates", "changes"])
    removes = r.choice([True, False])
    names = "apply_patch update_or_remove patched" if removes else "fill_missing with_defaults complete"
    said = f"a None value in {patch} removes the key" if removes else "keys that $d has keep their value"
    bodies = """
            $out = dict($d)
            for $k, $v in {p}.items():
                if $v is None:
                    $out.pop($k, None)
                else:
                    $out[$k] = $v
            return $out
    """ if removes else """
            $out = dict($d)
            for $k, $v in {p}.items():
                if $k not in $out or $out[$k] is None:
                    $out[$k] = $v
            return $out
    """  # fmt: skip
    known = said if removes else said + " unless it is None"
    return function(
        r, names=names, params=f"$d, {patch}", noun="settings config changes", hints="dict; dict -> dict",
        what=f"a copy of $d with the entries of {patch}; {known}", bodies=bodies.replace("{p}", patch),
        checks="$f({'a': 1}, {'a': 2}); $f({}, {}); $f({'a': 1}, {'b': 2}); $f({'a': 1, 'b': 2}, {'a': None});"
        "$f({'a': None}, {'a': 5}); $f({}, {'z': None}); $f({'x': 0}, {'x': 3, 'y': 0})",
    )  # fmt: skip
