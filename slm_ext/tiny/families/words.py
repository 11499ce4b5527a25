"""Families of words and styles: initials, case, lengths, padding, plural, naming, clock text."""

from __future__ import annotations

import random

from slm_ext.tiny.families.base import Sketch, family, pick, sketch, text_name


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
