"""Let a model folder play tasks in this process: mlx-lm decoding, the tools as functions, no server and no agent.

Fast enough to look at hundreds of tasks between two training runs. What counts is `evaluation`, which goes through
the real server and the real agent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from slm_ext.tiny.execution import Runaway
from slm_ext.tiny.tasks import Task
from slm_ext.tiny.trajectories import Workspace

__all__ = ["Player", "Rollout"]


@dataclass
class Rollout:
    """One played task.

    Attributes:
        messages: the conversation, assistant turns with `calls`.
        resolved: the tests passed and the model submitted.
        edits: `edit_line` calls made, in order.
    """

    messages: list[dict]
    resolved: bool = False
    edits: list[dict] = field(default_factory=list)
    end: str = "steps"


class Player:
    """A loaded model folder.

    Args:
        folder: model folder.
        max_steps: model calls per task.
        max_tokens: prompt and reply together; a longer conversation ends.
        temperature: 0 decodes greedily.
    """

    def __init__(self, folder: Path, max_steps: int = 40, max_tokens: int = 2048, temperature: float = 0.0):
        from mlx_lm import load

        from slm_ext.bundles import load_bundles, tool_schemas
        from slm_ext.tiny.export import BUNDLES

        self.model, self.tokenizer = load(str(folder))
        self.schemas = tool_schemas(load_bundles(list(BUNDLES)))
        self.max_steps, self.max_tokens, self.temperature = max_steps, max_tokens, temperature

    def play(self, task: Task, system: str, root: Path) -> Rollout:
        """Play one task from its issue to submit, limit or format error."""
        workspace = Workspace(task, root)
        out = Rollout([{"role": "system", "content": system}, {"role": "user", "content": task.issue}])
        session = _Session(self)
        passed = False
        for _ in range(self.max_steps):
            call = session.next_call(out.messages)
            if call is None:
                out.end = session.end
                return out
            out.messages.append({"role": "assistant", "content": "", "calls": [call]})
            if call["name"] == "submit":
                out.resolved, out.end = passed, "submitted"
                return out
            try:
                output = workspace.call(call["name"], call["arguments"])
            except Runaway:
                output = "timeout: the tests did not end within 30 s\n" + '{"status":"timeout","exit_code":null}'
            except (KeyError, TypeError) as e:
                out.end = f"bad call: {e}"
                return out
            if call["name"] == "pytest_run":
                passed = output.startswith("pass")
            elif call["name"] == "edit_line":
                out.edits.append(call["arguments"] | {"result": output.splitlines()[0], "after": None})
            out.messages.append({"role": "tool", "content": output})
        return out


class _Session:
    """One conversation's key-value cache: only what is new is prefilled."""

    def __init__(self, player: Player):
        from mlx_lm.models.cache import make_prompt_cache
        from mlx_lm.sample_utils import make_sampler

        self.player, self.seen, self.end = player, 0, ""
        self.cache = make_prompt_cache(player.model)
        self.sampler = make_sampler(temp=player.temperature)

    def next_call(self, messages: list[dict]) -> dict | None:
        import mlx.core as mx
        from mlx_lm.generate import generate_step
        from mlx_lm.models.cache import trim_prompt_cache

        from slm_ext.tiny.wire import END, START, render
        from slm_ext.toolcalls import parse_qwen3_coder

        tokenizer = self.player.tokenizer
        prompt = tokenizer.encode(render(messages) + f"{START}assistant\n", add_special_tokens=False)
        if len(prompt) + 20 > self.player.max_tokens:
            self.end = "context"
            return None
        held = self.cache[0].offset
        if held > self.seen:
            trim_prompt_cache(self.cache, held - self.seen)
        end = tokenizer.convert_tokens_to_ids(END)
        reply: list[int] = []
        new = mx.array(prompt[self.seen :])
        for token, _ in generate_step(
            new, self.player.model, max_tokens=160, sampler=self.sampler, prompt_cache=self.cache
        ):
            if int(token) == end:
                break
            reply.append(int(token))
        self.seen = len(prompt)
        parsed = parse_qwen3_coder(tokenizer.decode(reply), self.player.schemas)
        if parsed.rejection or not parsed.calls:
            self.end = "format: " + tokenizer.decode(reply)[:200]
            return None
        return {"name": parsed.calls[0].name, "arguments": dict(parsed.calls[0].arguments)}
