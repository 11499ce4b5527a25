"""Train flywheel-tiny: seeded, resumable at any moment, within a token budget.

One step sees about `tokens_per_step` tokens in rows of similar length. Every other one of the first steps is on random
sequences said again and again, which teaches copying early. Matrices are updated by Muon, the rest by AdamW; the
learning rate warms up, stays, and decays linearly over the last part of the budget, so a run can be extended from any
checkpoint. `work/` holds tokenizer.json, shards/, checkpoint.pt, log.jsonl.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from slm_ext.errors import UsageError
from slm_ext.tiny import corpus
from slm_ext.tiny.decoding import Decoder
from slm_ext.tiny.mistakes import own_rows
from slm_ext.tiny.model import Llama, ModelConfig
from slm_ext.tiny.tokenizer import train_tokenizer

__all__ = ["TrainingPlan", "train"]


_FREE = ("steps", "threads", "device")


@dataclass(frozen=True)
class TrainingPlan:
    """What determines a training run; a work folder is continued by the same plan only.

    `steps`, `threads` and `device` may change.
    """

    steps: int = 6000
    """Optimiser steps, warm-up on copying included."""
    tokens_per_step: int = 10_000
    copy_steps: int = 200
    """Steps on copying, every other one from the start."""
    learning_rate: float = 3e-3
    decay: float = 0.3
    """Share of the steps at the end over which the learning rate falls to zero."""
    seed: int = 1
    shard_rows: int = 4000
    drills: tuple[float, float] = (0.75, 0.25)
    """Share of rows that hold only issue, symbol and edit: before and after the point of `own_mistakes`."""
    tokenizer_texts: int = 3000
    """Trajectories the tokenizer is trained on."""
    validation_rows: int = 300
    own_mistakes: float = 0.6
    """Share of the steps after which every other shard holds the model's own wrong edits (`mistakes`)."""
    log_every: int = 25
    """Steps between two log lines; every tenth one validates."""
    threads: int = 2
    device: str = "cpu"


def train(work: Path, plan: TrainingPlan, config: ModelConfig | None = None, on_log=print) -> Path:
    """Run or continue a training; returns the checkpoint's path.

    Args:
        work: folder of everything the run keeps.
        on_log: gets one dict per logged step.
    """
    _keep_memory()
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    work.mkdir(parents=True, exist_ok=True)
    shards = work / "shards"
    shards.mkdir(exist_ok=True)
    config = config or ModelConfig()
    tokenizer_file = _tokenizer(work, plan, config.vocab_size)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(1, mp_context=context, initializer=_start_worker, initargs=(stop,)) as pool:
        kept = shards / "validation.npz"
        validation = pool.submit(_shard, kept, str(tokenizer_file), 999_999, plan.validation_rows, True)
        run = _Run(work, plan, config, on_log)
        stream = _Stream(pool, shards, tokenizer_file, plan, run)
        run.validation = lambda: corpus.load_shard(validation.result())
        try:
            while run.step < plan.steps:
                run.advance(stream)
        finally:
            run.save(stream)
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
    return work / "checkpoint.pt"


def _keep_memory() -> None:
    """Let glibc keep freed memory, so that a step need not map and clear its tensors anew."""
    import ctypes
    import sys

    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # missing in other C libraries
        for option in (-3, -1):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
            if mallopt:
                mallopt(option, 2**31 - 1)


def _tokenizer(work: Path, plan: TrainingPlan, size: int) -> Path:
    path = work / "tokenizer.json"
    if not path.exists():
        train_tokenizer(corpus.sample_texts(plan.seed + 77, plan.tokenizer_texts), size).save(str(path))
    return path


_STOP = None


def _start_worker(stop) -> None:
    global _STOP
    _STOP = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's; it sets the event


def _shard(path: Path, tokenizer_file: str, seed: int, rows: int, reserved: bool = False, drills: float = 0.0) -> Path:
    if not path.exists():
        corpus.write_shard(path, tokenizer_file, seed, rows, reserved, drills, _STOP)
    return path


class _Stream:
    """Batches of rows of similar length, from shards made two ahead in a worker, later also of the model's mistakes."""

    def __init__(self, pool, folder: Path, tokenizer_file: Path, plan: TrainingPlan, run: _Run):
        self.pool, self.folder, self.tokenizer_file, self.plan, self.run = pool, folder, tokenizer_file, plan, run
        self.shard, self.used = run.state.get("shard", 0), run.state.get("used", 0)
        self.pending = {i: self._submit(i) for i in range(self.shard, self.shard + 3)}
        self.batches = self._batches(self.shard)[self.used :]

    def _submit(self, index: int):
        path = self.folder / f"{self.plan.seed}-{index:05d}.npz"
        seed, drills = self.plan.seed * 100_000 + index, self.plan.drills[self._late()]
        return self.pool.submit(_shard, path, str(self.tokenizer_file), seed, self.plan.shard_rows, False, drills)

    def _late(self) -> bool:
        return self.run.step >= self.plan.own_mistakes * self.plan.steps

    def _own(self, index: int) -> Path:
        """The shard of the model's own mistakes, made now by the model as it is, or earlier by this run."""
        path = self.folder / f"{self.plan.seed}-{index:05d}-own.npz"
        if not path.exists():
            from tokenizers import Tokenizer

            decoder = Decoder(self.run.model, Tokenizer.from_file(str(self.tokenizer_file)), index)
            count = self.plan.shard_rows // 4
            corpus.save_rows(path, list(own_rows(decoder, self.plan.seed * 100_000 + 50_000 + index, count)))
        return path

    def _batches(self, index: int) -> list[list]:
        made = self.pending.pop(index)
        self.pending[index + 3] = self._submit(index + 3)
        rows = corpus.load_shard(self._own(index) if self._late() and index % 2 else made.result())
        r = random.Random(index)
        r.shuffle(rows)
        batches: list[list] = []
        for start in range(0, len(rows), 500):
            batch: list = []
            for row in sorted(rows[start : start + 500], key=lambda x: len(x[0])):
                if batch and (len(batch) + 1) * (len(row[0]) + 63) > self.plan.tokens_per_step:
                    batches.append(batch)
                    batch = []
                batch.append(row)
            batches.append(batch)
        r.shuffle(batches)
        return batches

    def next(self) -> list:
        if not self.batches:
            self.shard, self.used = self.shard + 1, 0
            self.batches = self._batches(self.shard)
        self.used += 1
        return self.batches.pop(0)


class _Run:
    """Model, optimisers and their state."""

    def __init__(self, work: Path, plan: TrainingPlan, config: ModelConfig, on_log):
        self.work, self.plan, self.config, self.on_log = work, plan, config, on_log
        self.model = Llama(config).to(plan.device)
        matrices = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if p.ndim != 2 or "embed" in n]
        self.optimisers = [
            torch.optim.Muon(matrices, lr=plan.learning_rate, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=2 * plan.learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
        ]
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group.setdefault("initial_lr", group["lr"])
        self.step, self.tokens, self.seconds, self.state = 0, 0, 0.0, {}
        self.saved = time.monotonic()
        self.recent: list[float] = []
        self._load()

    def _load(self) -> None:
        path = self.work / "checkpoint.pt"
        if not path.exists():
            return
        data = torch.load(path, map_location=self.plan.device, weights_only=False)
        self._require_same_plan(data)
        self.model.load_state_dict(data["model"])
        for optimiser, state in zip(self.optimisers, data["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.step, self.tokens, self.seconds, self.state = data["step"], data["tokens"], data["seconds"], data["stream"]

    def _require_same_plan(self, data: dict) -> None:
        now = asdict(self.plan) | asdict(self.config)
        before = data["plan"] | data["config"]
        differing = sorted(k for k in before if k not in _FREE and before[k] != now.get(k))
        if differing:
            raise UsageError(
                f"continue the training in {self.work}",
                seen=", ".join(f"{k} {now.get(k)} (it was started with {before[k]})" for k in differing),
                allowed=f"the plan it was started with; only {', '.join(_FREE)} may change",
                next_step="use another --work folder",
            )

    def save(self, stream: _Stream) -> None:
        data = {
            "model": self.model.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "step": self.step, "tokens": self.tokens, "seconds": self.seconds,
            "stream": {"shard": stream.shard, "used": stream.used},
            "config": asdict(self.config), "plan": asdict(self.plan),
        }  # fmt: skip
        temporary = self.work / "checkpoint.tmp"
        torch.save(data, temporary)
        temporary.replace(self.work / "checkpoint.pt")
        self.saved = time.monotonic()

    def advance(self, stream: _Stream) -> None:
        started = time.monotonic()
        if self.step < 2 * self.plan.copy_steps and self.step % 2 == 0:
            tokens, targets, weights = _copying(self.step, self.plan, self.config)
        else:
            tokens, targets, weights = _pad(stream.next())
        rate = self._rate()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group["initial_lr"] / self.plan.learning_rate
        device = self.plan.device
        with torch.autocast(device, dtype=torch.bfloat16):
            hidden = self.model(tokens.to(device))
        loss = self._loss(hidden, targets.to(device), weights.to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += int(tokens.numel())
        self.seconds += time.monotonic() - started
        self.recent.append(loss.item())
        self._report(rate, tokens.numel() / (time.monotonic() - started))
        if time.monotonic() - self.saved > 120:
            self.save(stream)

    def _loss(self, hidden, targets, weights):
        """Weighted cross-entropy over the positions that weigh anything."""
        keep = weights.reshape(-1) > 0
        with torch.autocast(self.plan.device, dtype=torch.bfloat16):
            logits = self.model.logits(hidden.reshape(-1, hidden.shape[-1])[keep])
        losses = F.cross_entropy(logits.float(), targets.reshape(-1)[keep], reduction="none")
        w = weights.reshape(-1)[keep]
        return (losses * w).sum() / w.sum()

    def _rate(self) -> float:
        warm = min(1.0, (self.step + 1) / 100)
        start = self.plan.steps * (1 - self.plan.decay)
        cool = 1.0 if self.step < start else max(0.0, (self.plan.steps - self.step) / (self.plan.steps - start))
        return self.plan.learning_rate * warm * cool

    def _report(self, rate: float, speed: float) -> None:
        every = self.plan.log_every
        if self.step % every and self.step != self.plan.steps:
            return
        entry = {
            "step": self.step, "loss": round(float(np.mean(self.recent[-every:])), 4), "lr": round(rate, 6),
            "tokens": self.tokens, "seconds": round(self.seconds), "tokens_per_s": round(speed),
        }  # fmt: skip
        if self.step % (10 * every) == 0 or self.step == self.plan.steps:
            entry |= self._validate()
        with (self.work / "log.jsonl").open("a") as f:
            f.write(json.dumps(entry) + "\n")
        self.on_log(entry)

    @torch.no_grad()
    def _validate(self) -> dict:
        """Teacher-forced on reserved tasks: loss of trained turns, and rows whose every trained token is the argmax."""
        rows = sorted(self.validation(), key=lambda x: len(x[0]))
        total = count = perfect = 0.0
        for i in range(0, len(rows), 16):
            tokens, targets, weights = _pad(rows[i : i + 16])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = self.model.logits(self.model(tokens)).float()
            mine = weights >= 1.0
            losses = F.cross_entropy(logits[mine], targets[mine], reduction="sum")
            total += losses.item()
            count += int(mine.sum())
            right = (logits.argmax(-1) == targets) | ~mine
            perfect += int(right.all(1).sum())
        return {"val_loss": round(total / count, 4), "val_perfect": round(perfect / len(rows), 4)}


def _pad(rows: list) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows as (tokens, targets, weights), each [rows, longest - 1]; padding weighs nothing."""
    length = -(-max(len(t) for t, _ in rows) // 64) * 64 + 1  # few distinct shapes: kernels are cached by shape
    tokens = np.zeros((len(rows), length), np.int64)
    weights = np.zeros((len(rows), length), np.float32)
    for i, (t, w) in enumerate(rows):
        tokens[i, : len(t)], weights[i, : len(w)] = t, w / 100
    tokens, weights = torch.from_numpy(tokens), torch.from_numpy(weights)
    return tokens[:, :-1], tokens[:, 1:], weights[:, 1:]


def _copying(step: int, plan: TrainingPlan, config: ModelConfig):
    """Random sequences said over and over, with growing periods; all but the first round weighs."""
    r = np.random.default_rng([plan.seed, step])
    progress = step / max(1, 2 * plan.copy_steps)
    length = 256
    rows = max(1, plan.tokens_per_step // (2 * length))
    tokens = np.zeros((rows, length), np.int64)
    weights = np.zeros((rows, length), np.float32)
    for i in range(rows):
        alphabet = r.integers(0, config.vocab_size, int(r.integers(16, 64 + int(400 * progress))))
        period = int(r.integers(8, 24 + int(100 * progress)))
        tokens[i] = np.resize(r.choice(alphabet, period), length)
        weights[i, period:] = 1.0
    tokens, weights = torch.from_numpy(tokens), torch.from_numpy(weights)
    return tokens[:, :-1], tokens[:, 1:], weights[:, 1:]
