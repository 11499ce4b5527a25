"""Training and export at toy size: it learns, it resumes where it stopped, and mlx-lm computes the same logits."""

import json

import pytest

torch = pytest.importorskip("torch", reason="slm-ext[train] is not installed")

from slm_ext.errors import UsageError
from slm_ext.tiny.model import Llama, ModelConfig
from slm_ext.tiny.training import TrainingPlan, train

CONFIG = ModelConfig(vocab_size=600, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
                     num_key_value_heads=1)  # fmt: skip


def plan(**kw):
    defaults = {"steps": 8, "tokens_per_step": 3000, "shard_rows": 12, "tokenizer_texts": 30,
                "validation_rows": 2, "threads": 1, "seed": 3, "log_every": 2}  # fmt: skip
    return TrainingPlan(**(defaults | kw))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    entries = []
    train(work, plan(), CONFIG, on_log=entries.append)
    return work, entries


@pytest.mark.slow
def test_it_logs_and_saves(trained):
    work, entries = trained
    assert entries[-1]["step"] == 8 and 0 < entries[-1]["val_loss"] < 10
    assert json.loads((work / "log.jsonl").read_text().splitlines()[-1]) == entries[-1]
    assert torch.load(work / "checkpoint.pt", weights_only=False)["step"] == 8


@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_weights(trained, tmp_path):
    whole, _ = trained
    for name in ("tokenizer.json", "shards"):
        (tmp_path / name).symlink_to(whole / name)

    def stop(entry):
        if entry["step"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, plan(), CONFIG, on_log=stop)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=False)["step"] == 4
    train(tmp_path, plan(), CONFIG, on_log=lambda e: None)
    one = torch.load(whole / "checkpoint.pt", weights_only=False)["model"]
    two = torch.load(tmp_path / "checkpoint.pt", weights_only=False)["model"]
    assert all(torch.allclose(one[k], two[k], atol=1e-4) for k in one)


@pytest.mark.slow
def test_another_plan_does_not_continue_a_training(trained):
    work, _ = trained
    with pytest.raises(UsageError, match="seed 4"):
        train(work, plan(seed=4), CONFIG, on_log=lambda e: None)


@pytest.mark.slow
@pytest.mark.mlx
def test_mlx_computes_the_same_logits(trained, tmp_path):
    pytest.importorskip("mlx_lm", reason="slm-ext[mlx] is not installed")
    from slm_ext.tiny.export import compare_logits, export

    work, _ = trained
    export(work / "checkpoint.pt", work / "tokenizer.json", tmp_path / "model")
    difference = compare_logits(work / "checkpoint.pt", tmp_path / "model", ["def f(x):\n    return x + 1\n" * 4])
    assert difference["max_abs"] < 0.02 and difference["same_next"] > 0.98


def test_attention_is_causal():
    torch.manual_seed(0)
    model = Llama(CONFIG).eval()
    tokens = torch.randint(0, 600, (1, 12))
    changed = tokens.clone()
    changed[0, -1] = (changed[0, -1] + 1) % 600
    a, b = model(tokens), model(changed)
    assert torch.allclose(a[0, :-1], b[0, :-1], atol=1e-6) and not torch.allclose(a[0, -1], b[0, -1], atol=1e-3)


def test_other_steps_move_the_learning_rate_with_them():
    rates = TrainingPlan().stretched(480).rates
    assert rates[-1] == (480, 0.0) and [r for _, r in rates] == [r for _, r in TrainingPlan().rates]
    assert [at for at, _ in rates] == sorted({at for at, _ in rates})
