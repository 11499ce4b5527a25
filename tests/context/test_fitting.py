"""Each strategy on runs made by hand: what goes, what stays, what is said of it (E02 to E05)."""

from __future__ import annotations

import pytest

from slm_ext.context import Cut, TokenCounter, apply, fit
from slm_ext.errors import ContextOverflow

from .conversations import TOOLS, exchange, lines, long_run, policy, start


def fitted(messages, limit, chosen, **more):
    return fit(messages, limit=limit, policy=chosen, counter=more.pop("counter", TokenCounter()), **more)


def tokens(messages):
    return TokenCounter().count(messages)


def kinds(result):
    return [(item.index, item.kind) for item in result.cut.dropped]


def names(messages):
    return [message["tool_calls"][0]["function"]["name"] for message in messages if message.get("tool_calls")]


def test_what_fits_is_not_touched():
    messages = long_run(5)
    result = fitted(messages, tokens(messages), policy())
    assert result.messages is messages and result.event is None and not result.cut
    assert fitted(messages, None, policy()).messages is messages
    assert fitted(start(), 1000, policy()).tokens == tokens(start())


def test_old_results_go_by_class_and_age():
    """Reads and searches, the oldest first; then tests, then the rest, edits last; the last exchanges stay."""
    messages = start()
    order = ["edit_line", "pytest_run", "read_file", "submit", "grep_code", "edit_line", "view_file", "bash", "ls"]
    for i, name in enumerate(order):
        messages += exchange(f"c{i}", name, f"pass: {name} {i}\n{lines(1000, i)}", command="python x.py")
    went = []
    for limit in range(tokens(messages) - 1, 400, -40):
        try:
            result = fitted(messages, limit, policy("elide", target=1))
        except ContextOverflow:
            break
        new = {index for index, _ in kinds(result)}
        assert new >= set(went) and len(new) <= len(went) + 1
        went += new - set(went)
    assert [(i - 3) // 2 for i in went] == [2, 4, 6, 1, 3, 0, 5], "7 and 8 are the last two"
    line = result.messages[3]["content"]
    assert line.startswith("[… result of edit_line, ") and line.endswith("left out; it began: pass: edit_line 0]")
    assert result.messages[2] is messages[2], "the call stands"


def test_one_cut_goes_down_to_the_target():
    messages = long_run(40)
    limit = tokens(messages) - 1
    result = fitted(messages, limit, policy())
    assert result.event.strategy == "elide" and 0.5 * limit < result.tokens <= 0.6 * limit
    assert result.event.tokens_before == limit + 1
    assert fitted(messages, limit, policy(target=0.9)).tokens > 0.8 * limit


def test_strategies_come_one_after_the_other():
    messages = long_run(40)
    result = fitted(messages, 3000, policy())
    assert result.event.strategy == "elide+keep_ends", "nothing was left for truncate"
    assert result.tokens <= 1800
    result = fitted(messages, 12_000, policy({"name": "truncate", "max_chars": 400}, "keep_ends"))
    assert result.event.strategy == "truncate"
    result = fitted(messages, 4000, policy({"name": "truncate", "max_chars": 400}, "keep_ends"))
    assert result.event.strategy == "truncate+keep_ends"


def test_truncated_results_keep_their_ends():
    messages = start() + exchange("1", "read_file", lines(20_000), path="a.py") + exchange("2", "bash", lines(3000, 1))
    result = fitted(messages, 2500, policy("truncate"))
    shown = result.messages[3]["content"]
    assert len(shown) <= 2000 and " left out …]\n" in shown
    assert shown.startswith(lines(20_000)[:500]) and shown.endswith(lines(20_000)[-500:])
    assert kinds(result) == [(3, "truncated")], "the last exchange stands"
    [item] = result.event.dropped
    assert f"({item.chars:,} characters) left out" in shown and item.keep == 2000 and item.exchange == 0


def test_the_last_exchange_is_truncated_before_it_overflows():
    messages = start() + exchange("1", "bash", lines(100_000))
    result = fitted(messages, 800, policy())
    assert len(result.messages[3]["content"]) <= 2000 and result.event.strategy == "truncate"
    small = fitted(messages, 120, policy())
    assert 150 < len(small.messages[3]["content"]) <= 500
    assert small.messages[2] is messages[2]
    with pytest.raises(ContextOverflow):
        fitted(messages, 120, policy("elide", "keep_ends"))


def test_keep_ends_leaves_whole_exchanges_out_and_says_so():
    messages = long_run(30)
    result = fitted(messages, 3000, policy({"name": "keep_ends", "keep_last": 3}))
    view = result.messages
    assert view[0] is messages[0] and view[-6:] == messages[-6:]
    gone = [item for item in result.cut.dropped if item.kind == "dropped"]
    assert view[1]["content"] == (
        f"Fix the bug in a.py.\n\n[… {len(gone)} earlier exchanges ({2 * len(gone)} messages, "
        f"{sum(item.chars for item in gone):,} characters) left out here …]"
    )
    assert [item.exchange for item in gone] == list(range(len(gone))), "the oldest first"
    assert all(item.index == 2 + 2 * item.exchange and item.messages == 2 for item in gone)
    assert [m["role"] for m in view] == ["system", "user", *["assistant", "tool"] * (len(view) // 2 - 1)]


def test_it_stops_no_step_too_early():
    """Numbers in the notice grow as exchanges go; what fits is decided by the view as it is sent."""
    messages, counter = long_run(130), TokenCounter(encode=len)
    limit = 40_000
    for _ in range(5):
        result = fitted(messages, limit, policy("keep_ends", target=1), counter=counter)
        assert result.tokens == counter.count(result.messages) <= limit
        limit = result.tokens - 1


def test_the_last_failure_stays_even_outside_of_the_kept_ones():
    messages = start() + exchange("e", "pytest_run", "fail: 1 failed\nE   assert total == 3")
    for i in range(30):
        messages += exchange(f"c{i}", "read_file", f"a.py: lines 1-9\n{lines(1500, i)}", path="a.py")
    for names in ([], ["keep_ends"], ["summarize"], ["elide"], ["truncate", "keep_ends"]):
        chosen = policy(*names)
        result = fitted(messages, 4000, chosen)
        assert messages[3] in result.messages and messages[2] in result.messages
    later = [*messages[:-2], *exchange("f", "edit_line", "error not_found: no such text", path="a.py"), *messages[-2:]]
    later += exchange("z", "read_file", f"a.py\n{lines(1500)}", path="a.py")
    again = fitted(later, 4000, policy("keep_ends"), cut=Cut())
    assert messages[3] not in again.messages
    assert "error not_found: no such text" in [message["content"] for message in again.messages]


def test_the_last_failure_is_shortened_after_all_else():
    failure = f"fail: 1 failed\n{lines(6000)}"
    messages = start() + exchange("e", "pytest_run", failure) + exchange("r", "read_file", lines(6000), path="a.py")
    messages += exchange("z", "bash", lines(6000))
    cut = fitted(messages, 3500, policy("truncate")).cut
    assert [item.index for item in cut.dropped] == [5]
    cut = fitted(messages, 2000, policy("truncate")).cut
    assert [(item.index, item.keep) for item in cut.dropped] == [(3, 2000), (5, 1000)], "the last exchange still stands"
    cut = fitted(messages, 600, policy("truncate")).cut
    assert [(item.index, item.keep) for item in cut.dropped] == [(3, 200), (5, 200), (7, 2000)]


class Writer:
    """A summarizer that says what it was given."""

    def __init__(self, *texts):
        self.texts, self.given, self.limits = list(texts), [], []

    def __call__(self, messages, max_tokens):
        self.given.append(messages)
        self.limits.append(max_tokens)
        text = self.texts.pop(0)
        if isinstance(text, Exception):
            raise text
        return text


def replayed(messages, limit, chosen, summarize=None):
    """All calls of a run, one after the other."""
    cut, counter, results = Cut(), TokenCounter(), []
    for end in range(2, len(messages) + 1, 2):
        result = fitted(messages[:end], limit, chosen, cut=cut, counter=counter, summarize=summarize, step=end // 2)
        cut = result.cut
        results.append(result)
    return results


def test_a_summarized_run_keeps_task_and_last_error():
    """E03: at every step of a replay the task and the last error are there in full, and the summaries and facts."""
    messages = long_run(48, 900)
    writer = Writer(*(f"Summary {i}: the loop in src/part is wrong." for i in range(1, 20)))
    results = replayed(messages, 2500, policy({"name": "summarize", "keep_last": 3, "max_tokens": 80}), writer)
    new = [result for result in results if result.event and result.event.new]
    assert 3 <= len(new) == len(writer.given) <= 12 and set(writer.limits) == {80}
    for result in results:
        sent = result.messages
        end = next(i for i, message in enumerate(messages) if message is sent[-1]) + 1
        assert sent[1]["content"].startswith("Fix the bug in a.py.") and result.tokens <= 2500
        failures = [m for m in messages[:end] if m["content"].startswith("fail: ")]
        assert not failures or failures[-1] in sent
        if result.cut:
            said = sent[1]["content"]
            assert "Summary" in said and "Files touched: " in said and "Last test run: fail: 1 failed" in said
            assert "Edits made:" in said and "Last error: pytest_run: " in said
            assert result.event.strategy == "summarize" and result.event.step == end // 2
    for before, given in zip(new, writer.given[1:], strict=False):
        assert before.cut.summary in given[0]["content"], "a second summary is told the first"
        assert given[0]["content"].startswith("Fix the bug")
        assert [message["role"] for message in given[1:3]] == ["assistant", "tool"]
    assert {item.kind for item in new[-1].cut.dropped} == {"summarized"}


def test_without_a_summarizer_the_facts_stand_alone():
    messages = long_run(40, 900)
    alone = fitted(messages, 5000, policy("summarize"))
    assert alone.cut.summary == "" and "Files touched: " in alone.messages[1]["content"]
    failing = fitted(messages, 5000, policy("summarize"), summarize=Writer(RuntimeError("the provider is down")))
    assert failing == alone


def test_facts_are_those_of_all_that_is_gone():
    messages = long_run(12, 900)
    first = fitted(messages[:14], 1000, policy("summarize"))
    assert "src/part0.py" in first.cut.facts and "src/part8.py" not in first.cut.facts
    second = fitted(messages, 1000, policy("summarize"), cut=first.cut)
    assert "src/part0.py" in second.cut.facts and "src/part8.py" in second.cut.facts


def test_what_is_said_is_shorter_than_what_happened():
    messages = start(lines(2000)) + exchange("1", "view", "", path="a/very/long/path/to/a/file.py" * 4)
    messages += exchange("2", "ls", "") + exchange("3", "ls", "")
    result = fitted(messages, tokens(messages) - 1, policy("summarize", "keep_ends"))
    assert result.event.strategy == "keep_ends" and result.cut.facts == ""
    del messages[2:4]
    messages += exchange("4", "ls", "")
    with pytest.raises(ContextOverflow, match=f"{tokens(messages)} after summarize, keep_ends"):
        fitted(messages, tokens(messages) - 1, policy("summarize", "keep_ends"))


def test_a_summary_that_fails_keeps_the_one_before():
    messages = long_run(40, 900)
    writer = Writer("The first summary.", *[RuntimeError("down")] * 20)
    last = replayed(messages, 2500, policy("summarize"), writer)[-1]
    assert len(writer.given) > 1 and last.cut.summary == "The first summary."


def test_a_summary_is_clipped_to_its_limit():
    result = fitted(
        long_run(40, 900), 5000, policy({"name": "summarize", "max_tokens": 50}), summarize=Writer("word " * 5000)
    )
    assert 100 < len(result.cut.summary) < 50 / 0.2 + 10 and result.cut.summary.endswith("word …")


def test_a_model_is_not_asked_for_less_than_a_summary():
    messages = long_run(12, 300)
    asked = Writer()
    result = fitted(messages, tokens(messages) - 1, policy({"name": "summarize", "max_tokens": 4000}), summarize=asked)
    assert asked.given == [] and "Files touched" in result.messages[1]["content"]


def test_the_summarizer_sees_what_the_reader_saw():
    messages = long_run(40, 1500)
    first = fitted(messages[:60], 8000, policy("elide"))
    writer = Writer("Short.")
    fitted(messages, 8000, policy("summarize"), cut=first.cut, summarize=writer)
    assert any(m["content"].startswith("[… result of read_file") for m in writer.given[0])
    assert tokens(writer.given[0]) < tokens(apply(messages, first.cut))
    writer = Writer("Short.")
    fitted(messages[:60], 1500, policy("elide", "summarize"), summarize=writer)
    assert not any("left out" in message["content"] for message in writer.given[0]), "not what this call elides"


def test_an_event_on_every_call_whose_view_differs():
    messages = long_run(30)
    limit = 7000
    results = replayed(messages, limit, policy())
    assert results[3].event is None
    seen = [result.event for result in results if result.event]
    assert [event.new for event in seen].count(True) < len(seen) / 3
    for result, event in ((result, result.event) for result in results if result.event):
        conversation = messages[: 2 * event.step]
        assert apply(conversation, Cut.from_event(event)) == result.messages
        assert event.tokens_before == tokens(conversation) and event.tokens_after == result.tokens <= limit


def test_conversations_without_native_calls():
    """Observations are user messages there; the tool's name is read from the text."""
    messages = [{"role": "user", "content": "Fix it."}]
    for i in range(20):
        messages += [
            {"role": "assistant", "content": f"Look.\n```bash\ncat part{i}.py\n```"},
            {"role": "user", "content": f"<returncode>0</returncode>\n{lines(900, i)}"},
        ]
    result = fitted(messages, 3500, policy("elide", target=1))
    assert result.messages[2]["content"].startswith("[… result of bash, ")
    assert [m["role"] for m in result.messages] == [m["role"] for m in messages]


def test_a_host_that_takes_messages_back():
    """SWE-agent's re-asks are gone once an answer was good: what the cut says of them is forgotten, the rest holds."""
    messages = long_run(20)
    words = [{"role": "assistant", "content": lines(3000)}, {"role": "user", "content": "Make a call. " * 200}]
    asked = fitted([*messages, *words, *words], 6000, policy({"name": "keep_ends", "keep_last": 1}, target=0.2))
    assert max(item.index for item in asked.cut.dropped) == len(messages)
    after = [*messages, *exchange("good", "read_file", "a.py: all of it", path="a.py")]
    result = fitted(after, 6000, policy("keep_ends"), cut=asked.cut)
    assert result.cut.dropped == asked.cut.dropped[:-1] and result.messages[-2:] == after[-2:]
    same_size = [*messages, words[0], {"role": "user", "content": "Call a make. " * 200}]
    assert fitted(same_size, 9000, policy(), cut=asked.cut).messages[-2:] == same_size[-2:]
    other = fitted(long_run(3, 10), 6000, policy(), cut=asked.cut)
    assert not other.cut and other.event is None


def test_a_cut_is_applied_to_its_own_conversation_only():
    messages = long_run(20)
    cut = fitted(messages, 4000, policy()).cut
    with pytest.raises(ValueError, match="another conversation"):
        apply(long_run(20, 700), cut)
    with pytest.raises(ValueError, match="another conversation"):
        apply(messages[:6], cut)
    assert apply(messages, Cut()) is messages


def test_an_overflow_says_what_would_help():
    messages = start(lines(5000)) + exchange("1", "bash", "ok")
    with pytest.raises(ContextOverflow) as overflow:
        fitted(messages, 500, policy("elide"), tools=TOOLS)
    error = overflow.value
    assert str(TokenCounter().count(messages, TOOLS)) in error.seen and "after elide" in error.seen
    assert str(TokenCounter().count(messages[:2], TOOLS)) in error.seen
    assert error.allowed == "500 tokens" and "truncate, keep_ends" in error.next_step
    with pytest.raises(ContextOverflow, match="no strategy"):
        fitted(messages, 500, policy(strategies=[]))
    with pytest.raises(ContextOverflow):
        fitted(start(lines(5000)), 500, policy())


def test_tools_count():
    messages = long_run(20)
    bare = fitted(messages, tokens(messages), policy())
    assert bare.event is None
    assert fitted(messages, tokens(messages), policy(), tools=TOOLS).event is not None


def test_the_learnt_count_decides():
    messages, counter = long_run(20), TokenCounter()
    limit = tokens(messages) + 100
    assert fitted(messages, limit, policy(), counter=counter).event is None
    counter.learn(messages, None, limit + 500)
    result = fitted(messages, limit, policy(), counter=counter)
    assert result.event.new and result.tokens <= 0.6 * limit and result.event.tokens_before == limit + 500
