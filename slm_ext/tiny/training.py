"""Train flywheel-tiny: seeded, resumable at any moment.

One step sees about `tokens_per_step` tokens in rows of similar length. Matrices are updated by Muon, the rest by AdamW;
the learning rate follows straight lines between `rates`; what lies ahead of a run may be changed. `work/` holds
tokenizer.json, shards/, checkpoint.pt, log.jsonl.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from slm_ext.errors import UsageError
from slm_ext.tiny import corpus
from slm_ext.tiny.model import Llama, ModelConfig
from slm_ext.tiny.stream import Stream, make_shard, pad, start_worker
from slm_ext.tiny.tokenizer import train_tokenizer

__all__ = ["TrainingPlan", "train"]


_FREE = ("steps", "rates", "threads", "device")


@dataclass(frozen=True)
class TrainingPlan:
    """What determines a training run; a work folder is continued by the same plan only.

    `steps`, `threads` and `device` may change, and `rates`, of which only what lies ahead still counts.
    """

    steps: int = 5600
    rates: tuple[tuple[int, float], ...] = (
        (0, 0.0), (100, 2e-3), (1800, 1.03e-3), (3900, 5.15e-4), (4400, 3.54e-4), (4736, 1.65e-4),
        (4800, 2.5e-4), (5600, 0.0),
    )  # fmt: skip
    """Learning rate of Muon at some steps, straight lines between them; AdamW has twice as much."""
    tokens_per_step: int = 10_000
    seed: int = 1
    """Of weights and corpus."""
    shard_rows: int = 4000
    """Rows made at a time, ahead, in the worker."""
    drills: tuple[float, float] = (0.85, 0.4)
    """Share of rows that hold only issue, symbol and edit: before and after `late`."""
    late: float = 0.737
    """Share of the steps after which the second value of `drills` holds, and `own_every`."""
    own_every: int = 2
    """Every such late shard holds the model's own wrong edits (`mistakes`); 0: none does."""
    tokenizer_texts: int = 3000
    """Trajectories the tokenizer is trained on."""
    validation_rows: int = 300
    """Trajectories of reserved tasks."""
    log_every: int = 25
    """Steps between two log lines; every tenth one validates."""
    threads: int = 2
    device: str = "cpu"

    def stretched(self, steps: int) -> TrainingPlan:
        """The plan with other `steps`, its `rates` moved in proportion."""
        return replace(self, steps=steps, rates=tuple((round(at * steps / self.steps), r) for at, r in self.rates))


def train(work: Path, plan: TrainingPlan, config: ModelConfig | None = None, on_log=print) -> Path:
    """Run or continue a training; returns the checkpoint's path.

    Args:
        work: folder of everything the run keeps.
        on_log: gets one dict per logged step.

    Raises:
        UsageError: `work` holds a run of another plan.
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
    with ProcessPoolExecutor(1, mp_context=context, initializer=start_worker, initargs=(stop,)) as pool:
        kept = shards / "validation.npz"
        try:
            validation = pool.submit(make_shard, kept, str(tokenizer_file), 999_999, plan.validation_rows, True)
            run = _Run(work, plan, config, on_log)
            stream = Stream(pool, shards, tokenizer_file, plan, run)
            run.validation = lambda: corpus.load_shard(validation.result())
            try:
                while run.step < plan.steps:
                    run.advance(stream)
            finally:
                run.save(stream)
        finally:
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


class _Run:
    """Model, optimisers and their state."""

    def __init__(self, work: Path, plan: TrainingPlan, config: ModelConfig, on_log):
        self.work, self.plan, self.config, self.on_log = work, plan, config, on_log
        self.model = Llama(config).to(plan.device)
        matrices = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if p.ndim != 2 or "embed" in n]
        self.optimisers = [
            torch.optim.Muon(matrices, lr=1.0, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=2.0, betas=(0.9, 0.95), weight_decay=0.0),
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

    def save(self, stream: Stream) -> None:
        data = {
            "model": self.model.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "step": self.step, "tokens": self.tokens, "seconds": self.seconds,
            "stream": {"shard": stream.shard, "used": stream.used, "own": stream.own},
            "config": asdict(self.config), "plan": asdict(self.plan),
        }  # fmt: skip
        temporary = self.work / "checkpoint.tmp"
        torch.save(data, temporary)
        temporary.replace(self.work / "checkpoint.pt")
        self.saved = time.monotonic()

    def advance(self, stream: Stream) -> None:
        started = time.monotonic()
        tokens, targets, weights = pad(stream.next())
        rate = self._rate()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group["initial_lr"]
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
        return float(np.interp(self.step + 1, *zip(*self.plan.rates, strict=True)))

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
            tokens, targets, weights = (x.to(self.plan.device) for x in pad(rows[i : i + 16]))
            with torch.autocast(self.plan.device, dtype=torch.bfloat16):
                logits = self.model.logits(self.model(tokens)).float()
            mine = weights >= 1.0
            losses = F.cross_entropy(logits[mine], targets[mine], reduction="sum")
            total += losses.item()
            count += int(mine.sum())
            right = (logits.argmax(-1) == targets) | ~mine
            perfect += int(right.all(1).sum())
        return {"val_loss": round(total / count, 4), "val_perfect": round(perfect / len(rows), 4)}
