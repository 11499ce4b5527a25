"""Families of text handling: counting characters, trimming, padding, words, shifting, comparing."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family, pick, sketch


def text_name(r: random.Random) -> str:
    return pick(r, "text", "line", "phrase", "string", "note")


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
def initials(r: random.Random) -> Sketch:
    s, w = pick(r, "name", "full_name", "title", "phrase"), pick(r, "word", "part", "w")
    up = pick(r, True, False)
    call, case = (".upper()", "upper") if up else (".lower()", "lower")
    sep = pick(r, "", "", ".", "-")
    last = pick(r, False, False, True)
    i, place = ("-1", "last") if last else ("0", "first")
    name = (
        pick(r, f"{place}_letters", f"{place}_letters_{case}") if last else pick(r, "initials", "acronym", "monogram")
    )
    body = pick(
        r,
        'return "<sep>".join(<w>[<i>]<call> for <w> in <s>.split())',
        'letters = []\nfor <w> in <s>.split():\n    letters.append(<w>[<i>]<call>)\nreturn "<sep>".join(letters)',
        'letters = [<w>[<i>] for <w> in <s>.split()]\nreturn "<sep>".join(letters)<call>',
    )
    joined = f", joined by '{sep}'" if sep else ""
    what = f"the {place} letters of the words of <s> in {case} case{joined}"
    args = ('"ada lovelace"', '""', '"Grace"', '"x"', '"Tim John Berners Lee"', '"  two  gaps "', '"read the Manual"')
    return sketch(r, name, what, "names", "<s>", body, args, s=s, w=w, i=i, call=call, sep=sep)


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
def word_case(r: random.Random) -> Sketch:
    s, w = text_name(r), pick(r, "word", "part", "w")
    name, expr, what = pick(
        r,
        ("title_case", "<w>[0].upper() + <w>[1:].lower()", "first letter in upper case and the rest in lower case"),
        ("capitalize_words", "<w>[0].upper() + <w>[1:]", "first letter in upper case and the rest as it is"),
        ("uncapitalize_words", "<w>[0].lower() + <w>[1:]", "first letter in lower case and the rest as it is"),
        ("reverse_each_word", "<w>[::-1]", "letters in reverse order"),
        ("upper_last_letters", "<w>[:-1] + <w>[-1].upper()", "last letter in upper case and the rest as it is"),
        ("drop_last_letters", "<w>[:-1]", "last letter removed"),
    )
    t = pick(r, "words", "parts", "result")
    body = pick(
        r,
        'return " ".join(<expr> for <w> in <s>.split())',
        '<t> = []\nfor <w> in <s>.split():\n    <t>.append(<expr>)\nreturn " ".join(<t>)',
        '<t> = [<expr> for <w> in <s>.split()]\nreturn " ".join(<t>)',
    )
    args = ('""', '"hello world"', '"a"', '"ONE two"', '"McDonald had"', '"go  now"', '"tiny Red Box"')
    return sketch(r, name, f"the words of <s> joined by spaces, each with its {what}", "text", "<s>", body, args,
                  expr=expr, s=s, w=w, t=t)  # fmt: skip


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
def words_by_length(r: random.Random) -> Sketch:
    s, n, w = text_name(r), pick(r, "size", "limit", "length", "n"), pick(r, "word", "w", "part")
    word, op, phrase = pick(
        r,
        ("longer_than", ">", "more than <n>"),
        ("of_at_least", ">=", "at least <n>"),
        ("shorter_than", "<", "fewer than <n>"),
        ("of_at_most", "<=", "at most <n>"),
    )
    count = pick(r, True, False)
    t = pick(r, "count", "total") if count else pick(r, "found", "kept")
    if count:
        name, what = f"count_words_{word}", f"how many words of <s> have {phrase} characters"
        body = pick(
            r,
            "return sum(1 for <w> in <s>.split() if len(<w>) <op> <n>)",
            "<t> = 0\nfor <w> in <s>.split():\n    if len(<w>) <op> <n>:\n        <t> += 1\nreturn <t>",
        )
    else:
        name, what = f"words_{word}", f"the list of the words of <s> that have {phrase} characters, in order"
        body = pick(
            r,
            "return [<w> for <w> in <s>.split() if len(<w>) <op> <n>]",
            "<t> = []\nfor <w> in <s>.split():\n    if len(<w>) <op> <n>:\n        <t>.append(<w>)\nreturn <t>",
        )
    args = (
        '"", 2',
        '"a bb ccc", 2',
        '"one two", 3',
        '"one", 4',
        '"be quick now", 2',
        '"aa bb", 2',
        '"x yy zzz wwww", 3',
    )
    return sketch(r, name, what, "words", "<s>, <n>", body, args, s=s, n=n, w=w, t=t, op=op)


@family("strings")
def extreme_word(r: random.Random) -> Sketch:
    s, w, best = text_name(r), pick(r, "word", "w", "part"), pick(r, "best", "result", "chosen")
    kind, op = pick(r, ("longest", ">"), ("shortest", "<"))
    tie, eq = pick(r, ("first", ""), ("last", "="))
    name = f"{tie}_{kind}_word" if tie == "last" else pick(r, f"{kind}_word", f"first_{kind}_word")
    body = pick(
        r,
        '<best> = ""\nfor <w> in <s>.split():\n'
        "    if not <best> or len(<w>) <op><eq> len(<best>):\n        <best> = <w>\n"
        "return <best>",
        'words = <s>.split()\nif not words:\n    return ""\n<best> = words[0]\nfor <w> in words[1:]:\n'
        "    if len(<w>) <op><eq> len(<best>):\n        <best> = <w>\nreturn <best>",
    )
    what = f"the {kind} word of <s>, the {tie} one when several are equally long; '' without words"
    args = ('""', '"one"', '"a bb cc"', '"bb cc a"', '"to be or not"', '"aa bb"', '"longer words win"', '"z y xx"')
    return sketch(r, name, what, "words", "<s>", body, args, s=s, w=w, best=best, op=op, eq=eq)


@family("strings")
def pad(r: random.Random) -> Sketch:
    s, n = pick(r, "text", "label", "code"), pick(r, "width", "size", "length")
    fill = pick(r, " ", "0", ".", "-")
    left = pick(r, True, False)
    side = "left" if left else "right"
    name = pick(r, f"pad_{side}", f"fill_{side}")
    add = f'"{fill}" * (<n> - len(<s>))'
    joined = f"{add} + <s>" if left else f"<s> + {add}"
    step = f'<s> = "{fill}" + <s>' if left else f'<s> = <s> + "{fill}"'
    body = pick(
        r,
        f"if len(<s>) >= <n>:\n    return <s>\nreturn {joined}",
        f"while len(<s>) < <n>:\n    {step}\nreturn <s>",
        "missing = max(0, <n> - len(<s>))\nreturn " + joined.replace("(<n> - len(<s>))", "missing"),
    )
    what = f"<s> with '{fill}' added on the {side} until it has at least <n> characters"
    args = ('"", 3', '"7", 3', '"42", 3', '"abc", 3', '"abcd", 3', '"x", 1', '"x", 0', '"id", 5')
    return sketch(r, name, what, "format", "<s>, <n>", body, args, s=s, n=n)


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
def mask(r: random.Random) -> Sketch:
    s = pick(r, "number", "secret", "card", "token")
    n = pick(r, 2, 3, 4)
    star = pick(r, "*", "#", "x")
    front = pick(r, True, False)
    name = pick(r, "mask_start", "hide_all_but_end") if front else pick(r, "mask_end", "hide_all_but_start")
    hidden = f'"{star}" * (len(<s>) - {n})'
    joined = f"{hidden} + <s>[-{n}:]" if front else f"<s>[:{n}] + {hidden}"
    part = f"<s>[-{n}:]" if front else f"<s>[:{n}]"
    mix = "hidden + shown" if front else "shown + hidden"
    body = pick(
        r,
        f"if len(<s>) <= {n}:\n    return <s>\nreturn {joined}",
        f"if len(<s>) > {n}:\n    return {joined}\nreturn <s>",
        f'shown = {part}\nhidden = "{star}" * (len(<s>) - len(shown))\nreturn {mix}',
    )
    what = f"<s> with every character but the {'last' if front else 'first'} {n} replaced by '{star}'"
    args = ('""', '"1"', '"12"', '"123"', '"1234"', '"12345"', '"12345678"')
    return sketch(r, name, what, "privacy", "<s>", body, args, s=s)


@family("strings")
def case_style(r: random.Random) -> Sketch:
    s, p = pick(r, "name", "key", "identifier"), pick(r, "part", "word", "piece")
    kind = pick(r, "camel", "pascal", "kebab", "slug")
    if kind in ("camel", "pascal"):
        sep, word = pick(r, ("_", "underscores"), ("-", "hyphens"))
        source = {"_": "snake", "-": "kebab"}[sep]
        name = f"{source}_to_{kind}"
        first = 'parts[0] + "".join(<p>.capitalize() for <p> in parts[1:])'
        if kind == "pascal":
            first = '"".join(<p>.capitalize() for <p> in parts)'
        start, rest = ("parts[0]", "parts[1:]") if kind == "camel" else ('""', "parts")
        body = pick(
            r,
            f'parts = <s>.split("{sep}")\nreturn {first}',
            f'parts = <s>.split("{sep}")\nresult = {start}\nfor <p> in {rest}:\n'
            f"    result += <p>.capitalize()\nreturn result",
        )
        which = "every part but the first" if kind == "camel" else "every part"
        what = f"<s> without its {word}, {which} capitalized"
        args = [f'"{a.replace("_", sep)}"' for a in ("", "a", "user_name", "max_line_length", "x_y", "id", "one_two")]
    else:
        sep = "-" if kind == "kebab" else "_"
        name = pick(
            r,
            f"slug_with_{'hyphens' if sep == '-' else 'underscores'}",
            f"join_words_{'kebab' if sep == '-' else 'snake'}",
        )
        body = pick(
            r,
            f'return "{sep}".join(<s>.lower().split())',
            f'parts = [<p>.lower() for <p> in <s>.split()]\nreturn "{sep}".join(parts)',
            f'result = ""\nfor <p> in <s>.split():\n    if result:\n        result += "{sep}"\n'
            f"    result += <p>.lower()\nreturn result",
        )
        what = f"the words of <s> in lower case, joined by '{sep}'"
        args = ('""', '"Title"', '"Hello World"', '"  Big  Red Dog "', '"a b"', '"READ ME"')
    return sketch(r, name, what, "naming", "<s>", body, args, s=s, p=p)


@family("strings")
def alternating(r: random.Random) -> Sketch:
    s, i, c = text_name(r), pick(r, "i", "n", "at"), pick(r, "char", "c", "item")
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
def plural(r: random.Random) -> Sketch:
    n, w = pick(r, "count", "number", "amount"), pick(r, "word", "noun", "unit")
    zero = pick(r, True, False)
    none = pick(r, "no", "zero")
    name = pick(r, "pluralize", "count_phrase", "quantity") + ("_or_none" if zero else "")
    guard = f'if <n> == 0:\n    return "{none} " + <w> + "s"\n' if zero else ""
    body = guard + pick(
        r,
        'if <n> == 1:\n    return f"1 {<w>}"\nreturn f"{<n>} {<w>}s"',
        'ending = "" if <n> == 1 else "s"\nreturn f"{<n>} {<w>}{ending}"',
        'if <n> != 1:\n    <w> += "s"\nreturn f"{<n>} {<w>}"',
    )
    what = "<n> and <w> with a space between, <w> with an 's' unless <n> is 1"
    what += f"; '{none}' instead of 0" if zero else ""
    args = ('1, "file"', '2, "file"', '0, "file"', '10, "cat"', '1, "test"', '3, "day"', '0, "day"')
    return sketch(r, name, what, "format", "<n>, <w>", body, args, n=n, w=w)


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
    x, y = pick(r, ("x", "y"), ("one", "other"), ("p", "q"))
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


@family("strings", held_out=True)
def clock_text(r: random.Random) -> Sketch:
    p, high, low = pick(r, ("seconds", "minutes", "rest"), ("minutes", "hours", "rest"), ("total", "whole", "part"))
    sep = pick(r, ":", "h", "m")
    name = pick(r, "clock_text", "format_clock", "as_clock")
    body = pick(
        r,
        "<high> = <p> // 60\n<low> = <p> % 60\nif <low> < 10:\n"
        '    return f"{<high>}<sep>0{<low>}"\nreturn f"{<high>}<sep>{<low>}"',
        '<high>, <low> = divmod(<p>, 60)\nreturn f"{<high>}<sep>{<low>:02d}"',
        '<low> = str(<p> % 60)\nif len(<low>) < 2:\n    <low> = "0" + <low>\nreturn str(<p> // 60) + "<sep>" + <low>',
    )
    what = f"<p> as text: whole sixties, '{sep}' and the rest with two digits"
    args = ("0", "9", "10", "59", "60", "69", "125", "3600")
    return sketch(r, name, what, "clock", "<p>", body, args, p=p, high=high, low=low, sep=sep)
