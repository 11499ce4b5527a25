"""Token estimates."""

from slm_ext.context import TokenMeter, characters


def test_size_counts_contents_calls_and_tools():
    call = {"id": "1", "type": "function", "function": {"name": "submit", "arguments": "{}"}}
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    size = characters(messages)
    assert size == characters(messages[:1]) + characters(messages[1:])
    assert characters(messages, [{"a": 1}]) == size + len('[{"a": 1}]')
    assert (
        characters([{"role": "user", "content": "x" * 1000}]) - characters([{"role": "user", "content": None}]) == 1000
    )


def test_an_estimate_before_any_count_is_low():
    assert TokenMeter().estimate(1000) == 200


def test_the_estimate_is_the_last_count_plus_growth():
    meter = TokenMeter()
    meter.learn(1000, 500)
    assert meter.estimate(1000) == 500
    assert meter.estimate(1100) == 550
    meter.learn(1100, None)
    assert meter.estimate(1000) == 500
