"""E02: what stands in place of something left out."""

from hypothesis import given
from hypothesis import strategies as st

from slm_ext.context.shortening import elided, left_out, truncated

from .conversations import lines


def test_head_and_tail_at_line_ends_and_how_much_was_between():
    content = "".join(f"line {i}\n" for i in range(400))
    text, chars = truncated(content, 500)
    shown = text.split("\n")
    assert shown[0] == "line 0" and shown[-2:] == ["line 399", ""]
    [notice] = [line for line in shown if line.startswith("[")]
    gone = content.count("\n") - (len(shown) - 2)
    assert notice == f"[… {gone} lines ({chars:,} characters) left out …]"
    assert all(line.startswith("line ") for line in shown if line and line != notice)
    assert 400 < len(text) <= 500


def test_one_long_line_is_cut_where_it_must():
    text, chars = truncated("x" * 5000, 300)
    assert text.startswith("x" * 100) and text.endswith("x" * 100)
    assert f"[… 1 line ({chars:,} characters) left out …]" in text.split("\n")
    assert text.count("x") + chars - text.count("ex") == 5000


@given(st.one_of(st.text(max_size=900), st.builds(lines, st.integers(0, 9000))), st.integers(1, 3000))
def test_truncating_keeps_to_its_limit_and_does_nothing_twice(content, keep):
    text, chars = truncated(content, keep)
    assert len(text) <= max(keep, 200) or text == content
    assert truncated(text, keep) == (text, 0)
    assert (chars == 0) == (text == content)
    if chars:
        head, _, rest = text.partition("[… ")
        tail = rest.partition(" left out …]\n")[2]
        assert content.startswith(head.removesuffix("\n")) and content.endswith(tail)
        assert chars >= len(content) - len(head) - len(tail)


def test_a_result_as_one_line():
    assert elided("read_file", "\n a.py: lines 1-3\t of 9\r\n1|x\n2|y") == (
        "[… result of read_file, 4 lines (32 characters), left out; it began: a.py: lines 1-3 of 9]"
    )
    assert elided("", "   ") == "[… result, 1 line (3 characters), left out]"
    assert len(elided("bash", "y" * 10_000).splitlines()) == 1 and len(elided("bash", "y" * 10_000)) < 170


@given(st.text(max_size=400))
def test_the_line_is_one_line(content):
    assert len(elided("bash", content).splitlines()) == 1


def test_exchanges_are_counted():
    assert left_out(1, 2, 12) == "[… 1 earlier exchange (2 messages, 12 characters) left out here …]"
    assert left_out(1200, 2400, 1_000_000).startswith("[… 1,200 earlier exchanges (2,400 messages, 1,000,000 ")
