"""A team on loopback that answers by a script, for the tests of this room."""

import pytest

from slm_ext.completion import Completion, Pool
from slm_ext.errors import FormatRejected
from slm_ext.registry.provider import Provider
from slm_ext.registry.router import Router, Team
from slm_ext.testing.openai_server import FakeOpenAI, tool_call
from slm_ext.traces import Recorder, read_calls

from .parts import MESSAGES, TOOLS

READ = tool_call("read_file", path="a.py")
EDIT = tool_call("edit_line", path="a.py", line=3, old="x", new="y")
BAD = "I would rather talk about it."


class Crew:
    """Providers on loopback, a router over them, and a conversation that goes on by itself."""

    def __init__(self, stack, tmp_path, members, **router):
        self.servers = {}
        providers = {}
        for name, (replies, fields) in members.items():
            self.servers[name] = server = stack.enter_context(FakeOpenAI(replies, model=name))
            providers[name] = made(name, server.base_url, **fields)
        team = Team(Router(**({"name": "auto", "default": next(iter(providers))} | router)), providers)
        self.pool = stack.enter_context(Pool.of(team))
        self.recorder = Recorder(tmp_path / "calls.jsonl", "run", "task")
        self.path, self.messages, self.extra = tmp_path, [*MESSAGES], {}
        self.completion = Completion(team, self.pool, tools=TOOLS, recorder=self.recorder)

    def step(self, result="1|x = 1"):
        """One answer, whose call brings `result`. Returns (provider, cause)."""
        answer = self.completion.complete(self.messages)
        [call] = answer.calls
        self.messages += [answer.message, {"role": "tool", "tool_call_id": call.id, "content": result}]
        return answer.route["provider"], answer.route["cause"]

    def refused(self):
        """One answer that is rejected and told, as mini does it."""
        with pytest.raises(FormatRejected) as caught:
            self.completion.complete(self.messages)
        self.messages += [caught.value.reply.message, {"role": "user", "content": caught.value.rejection.text()}]
        return caught.value.reply.route["provider"], caught.value.reply.route["cause"]

    def records(self):
        return [record for record in read_calls(self.path) if record["kind"] == "call"]

    def last(self, name):
        return self.servers[name].requests[-1]


def made(name, url=None, **fields):
    retry = {"retries": 1, "min_wait": 0.01, "max_wait": 0.02}
    place = {} if "endpoints" in fields or "server" in fields else {"api_base": url}
    return Provider(**({"name": name, "model": name, "timeout_s": 20, "retry": retry} | place | fields))
