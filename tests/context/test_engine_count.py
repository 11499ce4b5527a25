"""E01 against the server: what our engine counts of a prompt, and what we count before it is sent."""

from __future__ import annotations

import importlib.util

import openai
import pytest

from slm_ext.context import Cut, counter_for, fit
from slm_ext.errors import ContextOverflow
from slm_ext.registry import load_registry
from slm_ext.serving import acquire

from .conversations import TOOLS, long_run, policy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.mlx,
    pytest.mark.skipif(importlib.util.find_spec("mlx_lm") is None, reason="mlx-lm is not installed"),
]


def test_every_prompt_of_a_growing_run(tmp_path, monkeypatch):
    """Counted within 5 % before the first correction, exactly after it, and no prompt the server refuses."""
    monkeypatch.setenv("SLM_HOME", str(tmp_path))
    provider = load_registry().provider("flywheel-tiny")
    counter, fresh = counter_for(provider.model_folder), counter_for(provider.model_folder)
    messages, cut, cuts = long_run(12, 700), Cut(), 0
    with acquire(provider) as handle, openai.OpenAI(base_url=handle.base_url, api_key=handle.token) as client:

        def counted(view):
            reply = client.chat.completions.create(
                model=handle.model_id, messages=view, tools=TOOLS, max_tokens=1, tool_choice="none"
            )
            return reply.usage.prompt_tokens

        for end in range(2, len(messages) + 1, 2):
            fitted = fit(messages[:end], limit=1500, policy=policy(), counter=counter, tools=TOOLS, cut=cut)
            tokens = counted(fitted.messages)
            assert tokens <= 1500
            assert fresh.count(fitted.messages, TOOLS) == pytest.approx(tokens, rel=0.05)
            counter.learn(fitted.messages, TOOLS, tokens)
            assert counter.count(fitted.messages, TOOLS) == tokens
            cut, cuts = fitted.cut, cuts + bool(fitted.event and fitted.event.new)
        assert 1 <= cuts <= 6
    with pytest.raises(ContextOverflow):
        fit(messages, limit=60, policy=policy(), counter=counter, tools=TOOLS)
