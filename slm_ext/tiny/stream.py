"""What a training reads: rows from shards made ahead in a worker process, in batches of similar length.

From a point on, every other shard holds the model's own mistakes (`mistakes`), made in the trainer's process by the
model as it is then.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from slm_ext.tiny import corpus
from slm_ext.tiny.decoding import Decoder
from slm_ext.tiny.mistakes import own_rows

if TYPE_CHECKING:
    from slm_ext.tiny.training import TrainingPlan, _Run

__all__ = ["Stream", "make_shard", "pad", "start_worker"]

_STOP = None


def start_worker(stop) -> None:
    global _STOP
    _STOP = stop
    os.nice(15)  # the trainer's steps come first; shards are made ahead
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's; it sets the event


def make_shard(
    path: Path, tokenizer_file: str, seed: int, rows: int, reserved: bool = False, drills: float = 0.0
) -> Path:
    """Make a shard in the worker unless it exists."""
    if not path.exists():
        corpus.write_shard(path, tokenizer_file, seed, rows, reserved, drills, _STOP)
    return path


class Stream:
    """Batches of rows of similar length, from shards made three ahead in a worker."""

    def __init__(self, pool, folder: Path, tokenizer_file: Path, plan: TrainingPlan, run: _Run):
        self.pool, self.folder, self.tokenizer_file, self.plan, self.run = pool, folder, tokenizer_file, plan, run
        self.shard, self.used = run.state.get("shard", 0), run.state.get("used", 0)
        self.pending = {i: self._submit(i) for i in range(self.shard, self.shard + 3)}
        self.batches = self._batches(self.shard, run.state.get("own"))[self.used :]

    def _submit(self, index: int):
        """A shard in the making; None where the model's own mistakes will stand in its place."""
        return None if self._is_own(index) else self._made(index)

    def _made(self, index: int):
        path = self.folder / f"{self.plan.seed}-{index:05d}.npz"
        seed, drills = self.plan.seed * 100_000 + index, self.plan.drills[self._late()]
        return self.pool.submit(make_shard, path, str(self.tokenizer_file), seed, self.plan.shard_rows, False, drills)

    def _late(self) -> bool:
        return self.run.step >= self.plan.late * self.plan.steps

    def _is_own(self, index: int) -> bool:
        return self._late() and bool(self.plan.own_every) and index % self.plan.own_every == 1

    def _own(self, index: int) -> Path:
        """The shard of the model's own mistakes, made now by the model as it is, or earlier by this run."""
        path = self.folder / f"{self.plan.seed}-{index:05d}-own.npz"
        if not path.exists():
            from tokenizers import Tokenizer

            decoder = Decoder(self.run.model, Tokenizer.from_file(str(self.tokenizer_file)), index)
            count = self.plan.shard_rows // 4
            corpus.save_rows(path, list(own_rows(decoder, self.plan.seed * 100_000 + 50_000 + index, count)))
        return path

    def _batches(self, index: int, own: bool | None = None) -> list[list]:
        """Args: own: which kind of shard it was when the run that is continued began it."""
        self.own = self._is_own(index) if own is None else own
        made = self.pending.pop(index)
        self.pending[index + 3] = self._submit(index + 3)
        if not self.own and made is None:
            made = self._made(index)
        rows = corpus.load_shard(self._own(index) if self.own else made.result())
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


def pad(rows: list) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows as (tokens, targets, weights), each [rows, longest - 1]; padding weighs nothing."""
    length = -(-max(len(row[0]) for row in rows) // 64) * 64 + 1  # few distinct shapes: kernels are cached by shape
    tokens = np.zeros((len(rows), length), np.int64)
    truth = np.zeros((len(rows), length), np.int64)
    weights = np.zeros((len(rows), length), np.float32)
    for i, (t, w, right) in enumerate(rows):
        tokens[i, : len(t)], weights[i, : len(w)], truth[i, : len(right)] = t, w / 100, right
    tokens, truth, weights = torch.from_numpy(tokens), torch.from_numpy(truth), torch.from_numpy(weights)
    return tokens[:, :-1], truth[:, 1:], weights[:, 1:]
