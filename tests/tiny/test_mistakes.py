"""Batched decoding, rollouts, and rows of the model's own mistakes, with toy weights and with a scripted decoder."""

import itertools

import pytest

torch = pytest.importorskip("torch", reason="slm-ext[train] is not installed")

from slm_ext.tiny import corpus
from slm_ext.tiny.decoding import Decoder
from slm_ext.tiny.mistakes import own_rows
from slm_ext.tiny.model import Llama, ModelConfig
from slm_ext.tiny.rollout import parse_call, play
from slm_ext.tiny.tokenizer import train_tokenizer
from slm_ext.tiny.wire import render

CONFIG = ModelConfig(vocab_size=600, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
                     num_key_value_heads=1)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(corpus.sample_texts(8, 30), size=600)


class Ideal:
    """A decoder that does what an ideal agent does, after one wrong edit."""

    def __init__(self, tokenizer, tasks):
        self.tokenizer, self.tasks = tokenizer, {t.issue: t for t in tasks}

    def replies(self, conversations, samples=1, temperature=0.0):
        return [[self._reply(c)] * samples for c in conversations]

    def _reply(self, messages):
        task = self.tasks[messages[1]["content"]]
        names = [m["calls"][0]["name"] for m in messages if m["role"] == "assistant"]
        edit = {"path": task.path, "line": task.edit.line, "old": task.edit.old, "new": task.edit.new}
        calls = [
            ("pytest_run", {}),
            ("read_file", {"path": task.path, "symbol": task.symbol}),
            ("edit_line", edit | {"new": edit["old"]}),
            ("edit_line", edit),
            ("pytest_run", {}),
            ("submit", {}),
        ]
        name, arguments = calls[len(names)]
        text = render([{"role": "assistant", "content": "", "calls": [{"name": name, "arguments": arguments}]}])
        return text.partition("\n")[2].removesuffix("<|im_end|>\n")


def test_batched_greedy_decoding_is_that_of_the_plain_model(tokenizer):
    torch.manual_seed(0)
    model = Llama(CONFIG).eval()
    conversations = [[{"role": "user", "content": text}] for text in ("fix it", "a longer request than that one, 123")]
    together = Decoder(model, tokenizer).replies(conversations, max_tokens=6)
    alone = [Decoder(model, tokenizer).replies([c], max_tokens=6)[0] for c in conversations]
    assert together == alone
    ids = tokenizer.encode(render(conversations[0]) + "<|im_start|>assistant\n", add_special_tokens=False).ids
    for _ in range(6):
        with torch.no_grad():
            ids.append(int(model.logits(model(torch.tensor([ids])))[0, -1].argmax()))
    assert together[0][0] == tokenizer.decode(ids[-6:], skip_special_tokens=False)


def test_play_counts_what_is_submitted_with_passing_tests(tokenizer, tmp_path):
    tasks = list(itertools.islice(corpus.tasks(4), 3))
    rollouts = play(Ideal(tokenizer, tasks), tasks, "s", tmp_path)
    assert [r.resolved for r in rollouts] == [True] * 3 and {r.end for r in rollouts} == {"submitted"}
    assert all(r.edits[0]["result"].startswith("error no_change") for r in rollouts)
    stuck = play(Ideal(tokenizer, tasks), tasks, "s", tmp_path, max_steps=2)
    assert not any(r.resolved for r in stuck) and {r.end for r in stuck} == {"steps"}


def test_own_mistakes_become_detours_without_loss(tokenizer):
    tasks = list(itertools.islice(corpus.tasks(21), 16))
    ids, weights, _ = next(own_rows(Ideal(tokenizer, tasks), 21, 1))
    trained = tokenizer.decode([i for i, w in zip(ids, weights, strict=True) if w >= 100], skip_special_tokens=False)
    text = tokenizer.decode(ids, skip_special_tokens=False)
    assert text.count("<function=edit_line>") == 2 and "error no_change" in text
    assert trained.count("<function=edit_line>") == 1


class Renaming(Ideal):
    """One whose edits take the function's name away: nothing imports any more."""

    def replies(self, conversations, samples=1, temperature=0.0):
        return [[self._renamed(c)] * samples for c in conversations]

    def _renamed(self, messages):
        task = self.tasks[messages[1]["content"]]
        name = task.symbol.split(".")[0]
        lines = task.files[task.path].split("\n")
        line = next(n for n, text in enumerate(lines, 1) if text.startswith((f"def {name}(", f"class {name}")))
        old = lines[line - 1]
        edit = {"path": task.path, "line": line, "old": old, "new": old.replace(name, name + "x")}
        text = render([{"role": "assistant", "content": "", "calls": [{"name": "edit_line", "arguments": edit}]}])
        return text.partition("\n")[2].removesuffix("<|im_end|>\n")


class Both:
    """The first batch is answered by one decoder, every later one by another."""

    def __init__(self, first, later):
        self.tokenizer, self.decoders = first.tokenizer, iter([first])
        self.later, self.batches = later, 0

    def replies(self, *arguments, **kwargs):
        self.batches += 1
        return next(self.decoders, self.later).replies(*arguments, **kwargs)


def test_an_edit_that_breaks_every_import_costs_that_row_only(tokenizer):
    tasks = list(itertools.islice(corpus.tasks(22), 32))
    decoder = Both(Renaming(tokenizer, tasks), Ideal(tokenizer, tasks))
    ids, _, _ = next(own_rows(decoder, 22, 1))
    assert "error no_change" in tokenizer.decode(ids, skip_special_tokens=False)
    assert decoder.batches == 2  # all of the first was lost


def test_a_task_that_runs_away_while_it_is_read_is_left_out(tokenizer, monkeypatch):
    from slm_ext.tiny import mistakes
    from slm_ext.tiny.execution import Runaway

    tasks = list(itertools.islice(corpus.tasks(23), 16))
    met, real = [], mistakes.until_edit

    def sometimes(task, system, root):
        met.append(task)
        if len(met) == 1:
            raise Runaway("time limit")
        return real(task, system, root)

    monkeypatch.setattr(mistakes, "until_edit", sometimes)
    rows = list(own_rows(Ideal(tokenizer, tasks), 23, 15))
    assert len(rows) == 15 and len(met) == 16


@pytest.mark.parametrize("text", ["", "no call", "<tool_call>\n<function=fly>\n</function>\n</tool_call>"])
def test_what_is_no_call(text):
    assert parse_call(text) is None
