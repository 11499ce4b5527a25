"""Families of text handling: counting characters, trimming, padding, words, shifting, comparing."""

from __future__ import annotations

import random

from slm_ext.tiny.families import words  # noqa: F401 - registers its families with this group
from slm_ext.tiny.families.base import Sketch, family, pick, sketch, text_name


@family("strings")
def count_letters(r: random.Random) -> Sketch:
    s, c = text_name(r), pick(r, "char", "letter", "c", "ch")
    t = pick(r, "count", "total", "found")
    name, test, what = pick(
        r,
        ("count_vowels", '<c> in "aeiou"', "how many characters of <s> are vowels, in lower or upper case"),
        ("count_non_vowels", '<c> not in "aeiou"', "how many characters of <s> are no vowels, in either case"),
        ("count_digits", "<c>.isdigit()", "how many characters of <s> are digits"),
        ("count_letters", "<c>.isalpha()", "how many characters of <s> are letters"),
        ("count_spaces", '<c> == " "', "how many characters of <s> are spaces"),
        ("count_non_spaces", '<c> != " "', "how many characters of <s> are no spaces"),
    )
    low = ".lower()" if "vowel" in name else ""
    body = pick(
        r,
        "<t> = 0\nfor <c> in <s><low>:\n    if <test>:\n        <t> += 1\nreturn <t>",
        "return sum(1 for <c> in <s><low> if <test>)",
        "return len([<c> for <c> in <s><low> if <test>])",
    )
    args = ('""', '"a"', '"xyz"', '"Apple Pie"', '"7 of 12"', '"AEIOU"', '"  "', '"b4 noon"')
    return sketch(r, name, what, "text", "<s>", body, args, test=test, low=low, s=s, c=c, t=t)


@family("strings")
def shorten(r: random.Random) -> Sketch:
    s, n = text_name(r), pick(r, "width", "limit", "most", "size")
    mark = pick(r, "...", "...", "~", "--")
    k = len(mark)
    kind = pick(r, "keep_total", "append", "start")
    if kind == "keep_total":
        name, part = pick(r, "truncate", "shorten", "ellipsize"), f"<s>[: <n> - {k}] + "
        what = f"<s>, or its start followed by '{mark}', <n> characters in all, when it is longer than <n>"
        expr = f'{part}"{mark}"'
    elif kind == "append":
        name = pick(r, "cut_and_mark", "first_part", "preview")
        what = f"<s>, or its first <n> characters followed by '{mark}' when it is longer than <n>"
        expr = f'<s>[:<n>] + "{mark}"'
    else:
        name = pick(r, "truncate_start", "keep_end", "tail_preview")
        what = f"<s>, or '{mark}' followed by its last <n> characters when it is longer than <n>"
        expr = f'"{mark}" + <s>[len(<s>) - <n> :]'
    body = pick(
        r,
        "if len(<s>) <= <n>:\n    return <s>\nreturn " + expr,
        "if len(<s>) > <n>:\n    return " + expr + "\nreturn <s>",
        "return <s> if len(<s>) <= <n> else " + expr,
    )
    args = ('"", 5', '"abc", 5', '"abcde", 5', '"abcdef", 5', '"hello world", 8', '"abcdefg", 6', '"wxyz", 3')
    return sketch(r, name, what, "text", "<s>, <n>", body, args, s=s, n=n)


@family("strings")
def letter_shift(r: random.Random) -> Sketch:
    s, n, c = text_name(r), pick(r, "shift", "steps", "key"), pick(r, "char", "letter", "c")
    back = pick(r, True, False)
    op, way = ("-", "back") if back else ("+", "forward")
    name = pick(r, "unshift", "decode", "shift_back") if back else pick(r, "caesar", "encode", "shift_letters")
    t = pick(r, "result", "out", "shifted")
    body = pick(
        r,
        '<t> = ""\nfor <c> in <s>:\n    if "a" <= <c> <= "z":\n        <c> = chr((ord(<c>) - 97 <op> <n>) % 26 + 97)\n'
        "    <t> += <c>\nreturn <t>",
        'alphabet = "abcdefghijklmnopqrstuvwxyz"\n<t> = ""\nfor <c> in <s>:\n    if <c> in alphabet:\n'
        "        <t> += alphabet[(alphabet.index(<c>) <op> <n>) % 26]\n    else:\n        <t> += <c>\nreturn <t>",
    )
    what = f"<s> with each letter from a to z moved <n> places {way}, from z on to a; the rest unchanged"
    what = what.replace("from z on to a", "past a to z") if back else what
    args = ('"abc", 1', '"xyz", 3', '"", 5', '"a-z", 1', '"Hi you", 2', '"abc", 0', '"m", 26', '"az", 25')
    return sketch(r, name, what, "cipher", "<s>, <n>", body, args, s=s, n=n, c=c, t=t, op=op)


@family("strings")
def shared_ends(r: random.Random) -> Sketch:
    a, b = pick(r, ("a", "b"), ("left", "right"), ("first", "second"), ("one", "other"))
    n = pick(r, "n", "i", "k")
    prefix = pick(r, True, False)
    length = pick(r, True, False)
    word, place = ("prefix", "start") if prefix else ("suffix", "end")
    x, y = ("<a>[<n>]", "<b>[<n>]") if prefix else ("<a>[-1 - <n>]", "<b>[-1 - <n>]")
    if length:
        name, give = pick(r, f"common_{word}_length", f"shared_{place}_length"), "<n>"
        what = f"how many characters <a> and <b> have in common at their {place}"
    else:
        name, give = pick(r, f"common_{word}", f"shared_{place}"), "<a>[:<n>]" if prefix else "<a>[len(<a>) - <n> :]"
        what = f"the longest {word} that <a> and <b> have in common"
    body = pick(
        r,
        f"<n> = 0\nwhile <n> < len(<a>) and <n> < len(<b>) and {x} == {y}:\n    <n> += 1\nreturn {give}",
        f"<n> = 0\nwhile <n> < min(len(<a>), len(<b>)):\n    if {x} != {y}:\n        break\n"
        f"    <n> += 1\nreturn {give}",
    )
    args = (
        '"flower", "flow"',
        '"abc", "xbc"',
        '"say", "y"',
        '"", "abc"',
        '"abcx", "abcy"',
        '"xabc", "yabc"',
        '"same", "same"',
        '"a", "b"',
        '"testing", "resting"',
        '"ab", "abba"',
    )
    return sketch(r, name, what, "text", "<a>, <b>", body, args, a=a, b=b, n=n)


@family("strings")
def palindrome(r: random.Random) -> Sketch:
    s, c = pick(r, "text", "word", "phrase"), pick(r, "char", "c", "letter")
    clean, prep, note = pick(
        r,
        ("", "", ""),
        ("_ignoring_case", "<s> = <s>.lower()\n", ", in upper or lower case"),
        ("_ignoring_spaces", '<s> = <s>.replace(" ", "")\n', " when spaces are left out"),
        ("_of_letters", "<s> = [<c> for <c> in <s> if <c>.isalpha()]\n", " when only its letters count"),
    )
    name = pick(r, "is_palindrome", "reads_the_same_backwards", "is_mirrored") + clean
    body = prep + pick(
        r,
        "return <s> == <s>[::-1]",
        "for i in range(len(<s>) // 2):\n    if <s>[i] != <s>[-1 - i]:\n        return False\nreturn True",
        "i, j = 0, len(<s>) - 1\nwhile i < j:\n    if <s>[i] != <s>[j]:\n        return False\n    i += 1\n    j -= 1\n"
        "return True",
    )
    args = ('""', '"a"', '"ab"', '"level"', '"Anna"', '"nurses run"', '"no, on"', '"abca"', '"abda"')
    return sketch(r, name, f"whether <s> reads the same from both ends{note}", "words", "<s>", body, args, s=s, c=c)


@family("strings")
def keep_chars(r: random.Random) -> Sketch:
    s, c, t = text_name(r), pick(r, "char", "c", "ch"), pick(r, "result", "kept", "out")
    name, test, what = pick(
        r,
        ("only_digits", "<c>.isdigit()", "without all characters that are no digits"),
        ("remove_digits", "not <c>.isdigit()", "without its digits"),
        ("only_letters", "<c>.isalpha()", "without all characters that are no letters"),
        ("remove_vowels", '<c> not in "aeiouAEIOU"', "without its vowels"),
        ("only_vowels", '<c> in "aeiouAEIOU"', "without all characters that are no vowels"),
        ("remove_spaces", '<c> != " "', "without its spaces"),
        ("letters_or_spaces", '<c>.isalpha() or <c> == " "', "reduced to its letters and spaces"),
    )
    body = pick(
        r,
        'return "".join(<c> for <c> in <s> if <test>)',
        '<t> = ""\nfor <c> in <s>:\n    if <test>:\n        <t> += <c>\nreturn <t>',
        '<t> = []\nfor <c> in <s>:\n    if <test>:\n        <t>.append(<c>)\nreturn "".join(<t>)',
    )
    args = ('""', '"a1"', '"Room 42"', '"AEI xyz"', '"0 7 b"', '"-!-"', '"Blue sky"')
    return sketch(r, name, f"<s> {what}", "text", "<s>", body, args, test=test, s=s, c=c, t=t)


@family("strings")
def alternating(r: random.Random) -> Sketch:
    s, i, c = text_name(r), pick(r, "i", "n", "at"), pick(r, "ch", "c", "x")
    even = pick(r, True, False)
    rest, start = (0, "the first") if even else (1, "the second")
    name, yes, no, what = pick(
        r,
        (f"upper_every_other_from_{'first' if even else 'second'}", "<c>.upper()", "<c>", "put in upper case"),
        (f"star_every_other_from_{'first' if even else 'second'}", '"*"', "<c>", "replaced by '*'"),
        (f"double_every_other_from_{'first' if even else 'second'}", "<c> * 2", "<c>", "doubled"),
    )
    body = pick(
        r,
        f'return "".join({yes} if <i> % 2 == {rest} else {no} for <i>, <c> in enumerate(<s>))',
        f'result = ""\nfor <i>, <c> in enumerate(<s>):\n    if <i> % 2 == {rest}:\n        result += {yes}\n    else:\n'
        f"        result += {no}\nreturn result",
    )
    what = f"<s> with every other character, from {start} one on, {what}"
    args = ('""', '"a"', '"ab"', '"abc"', '"hello"', '"x-y z"', '"abcd"')
    return sketch(r, name, what, "text", "<s>", body, args, s=s, i=i, c=c)


@family("strings")
def first_position(r: random.Random) -> Sketch:
    s, c = text_name(r), pick(r, "char", "wanted", "symbol")
    i = pick(r, "i", "index", "position")
    last = pick(r, True, False)
    miss = pick(r, "-1", "None")
    name = pick(r, "last_index_of", "find_last") if last else pick(r, "first_index_of", "find_first")
    order = "range(len(<s>) - 1, -1, -1)" if last else "range(len(<s>))"
    body = pick(
        r,
        f"for <i> in {order}:\n    if <s>[<i>] == <c>:\n        return <i>\nreturn <miss>",
        (
            "found = <miss>\nfor <i> in range(len(<s>)):\n    if <s>[<i>] == <c>:\n        found = <i>\nreturn found"
            if last
            else "for <i>, other in enumerate(<s>):\n    if other == <c>:\n        return <i>\nreturn <miss>"
        ),
    )
    what = f"the index of the {'last' if last else 'first'} character of <s> that is <c>, or <miss>"
    args = ('"", "a"', '"a", "a"', '"abca", "a"', '"abc", "z"', '"banana", "n"', '"xx", "x"', '"abc", "c"')
    return sketch(r, name, what, "search", "<s>, <c>", body, args, s=s, c=c, i=i, miss=miss)


@family("strings", held_out=True)
def bracket_balance(r: random.Random) -> Sketch:
    s, c = pick(r, ("text", "char"), ("code", "symbol"), ("line", "c"))
    n = pick(r, "depth", "level", "opened")
    left, right = pick(r, ("(", ")"), ("[", "]"), ("<", ">"))
    if pick(r, True, False):
        name = pick(r, "is_balanced", "brackets_match")
        what = f"whether every '{left}' of <s> is closed by a later '{right}' and no '{right}' is too many"
        body = pick(
            r,
            f'<n> = 0\nfor <c> in <s>:\n    if <c> == "{left}":\n        <n> += 1\n    elif <c> == "{right}":\n'
            "        <n> -= 1\n    if <n> < 0:\n        return False\nreturn <n> == 0",
            f'<n> = 0\nfor <c> in <s>:\n    if <c> == "{right}":\n        if <n> == 0:\n            return False\n'
            f'        <n> -= 1\n    if <c> == "{left}":\n        <n> += 1\nreturn <n> == 0',
        )
    else:
        name = pick(r, "deepest_bracket", "max_bracket_depth")
        what = f"the greatest number of '{left}' in <s> that are open at the same time, each closed by '{right}'"
        body = pick(
            r,
            f'<n> = 0\nbest = 0\nfor <c> in <s>:\n    if <c> == "{left}":\n        <n> += 1\n'
            f"        best = max(best, <n>)\n"
            f'    elif <c> == "{right}":\n        <n> -= 1\nreturn best',
            f'<n> = 0\nbest = 0\nfor <c> in <s>:\n    if <c> == "{left}":\n        <n> += 1\n'
            f'    if <c> == "{right}":\n        <n> -= 1\n    if <n> > best:\n        best = <n>\nreturn best',
        )
    texts = ("", "x", "()", "(", ")(", "(a)(b)", "((a)((b)))", "(()", "())", "(((x)))")
    args = [f'"{text.replace("(", left).replace(")", right)}"' for text in texts]
    return sketch(r, name, what, "brackets", "<s>", body, args, s=s, c=c, n=n)


@family("strings", held_out=True)
def hamming(r: random.Random) -> Sketch:
    a, b = pick(r, ("a", "b"), ("left", "right"), ("s", "t"))
    x, y = pick(r, ("x", "y"), ("c", "d"), ("p", "q"))
    t = pick(r, "count", "total", "n")
    op, name = pick(
        r, ("!=", "hamming_distance"), ("!=", "count_differences"), ("==", "count_matches"), ("==", "same_places")
    )
    extra = pick(r, True, False) and op == "!="
    end = " + abs(len(<a>) - len(<b>))" if extra else ""
    body = pick(
        r,
        f"<t> = 0\nfor <x>, <y> in zip(<a>, <b>):\n    if <x> <op> <y>:\n        <t> += 1\nreturn <t>{end}",
        f"return sum(1 for <x>, <y> in zip(<a>, <b>) if <x> <op> <y>){end}",
        f"<t> = 0\nfor i in range(min(len(<a>), len(<b>))):\n    if <a>[i] <op> <b>[i]:\n"
        f"        <t> += 1\nreturn <t>{end}",
    )
    what = f"at how many places <a> and <b> have {'different characters' if op == '!=' else 'the same character'}"
    what += ", plus the characters that one has more" if extra else ", as far as both reach"
    args = ('"", ""', '"abc", "abc"', '"abc", "abd"', '"abc", "xyz"', '"ab", "abcd"', '"abcd", "a"', '"karol", "kathr"')
    return sketch(r, name, what, "distance", "<a>, <b>", body, args, a=a, b=b, x=x, y=y, t=t, op=op)
