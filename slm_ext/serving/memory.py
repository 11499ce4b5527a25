"""How much memory serving a model takes, told before anything is loaded, and how much there is.

Pure: reads `config.json` and the headers of safetensors files. What the parts are made of is in `shape`.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from slm_ext.errors import ServingError

from .installed import installed
from .shape import ModelShape, folder_shape

__all__ = [
    "PREFILL_TOKENS",
    "PROMPT_CACHE_BYTES",
    "MemoryEstimate",
    "available_bytes",
    "default_cache_bytes",
    "estimate",
    "estimate_shape",
    "largest_context",
    "largest_streams",
    "memory_bytes",
    "readable",
    "require_memory",
    "what_fits",
]

PREFILL_TOKENS = 2048
"""Prompt tokens computed at once; mlx-lm's default."""
PROCESS_BYTES = 400 * 1024**2
"""A process with Python, mlx-lm and transformers, before it loads a model; measured on Linux, 350 MiB."""
UNFUSED = 1.2
"""Peak of attention over the size of its scores, where MLX has no fused kernel; measured on Linux CPU, 1.17."""
SEARCHED_TOKENS = 2**21
PROMPT_CACHE_BYTES = 2 * 1024**3
"""The most that the cache of earlier prompts takes where nobody says."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes by purpose. `kv_per_token` is of one token of one stream, past every sliding window."""

    weights: int
    kv_per_token: int
    kv: int
    """Of all streams at their full context, the draft model's too."""
    cache: int
    """Bound of the prefix cache."""
    working: int
    """The process itself and one chunk of prefill."""
    total: int
    context_tokens: int
    streams: int
    kv_bits: int | None = None
    notes: tuple[str, ...] = ()

    def document(self) -> dict:
        """For `--json`, with `summary` in words."""
        return {**asdict(self), "notes": list(self.notes), "summary": str(self)}

    def __str__(self) -> str:
        parts = [f"weights {readable(self.weights)}", f"KV {readable(self.kv)} for {self._window()}"]
        if self.cache:
            parts.append(f"prefix cache {readable(self.cache)}")
        return f"{readable(self.total)}: {', '.join(parts)}, working memory {readable(self.working)}"

    def _window(self) -> str:
        bits = f" in {self.kv_bits} bits" if self.kv_bits else ""
        return f"{self.streams} × {self.context_tokens} tokens{bits}"


def estimate(
    folder: Path,
    *,
    context_tokens: int,
    streams: int,
    kv_bits: int | None = None,
    adapter: Path | None = None,
    draft: Path | None = None,
    cache_bytes: int = 0,
    prefill_tokens: int = PREFILL_TOKENS,
) -> MemoryEstimate:
    """What serving the model in `folder` takes at most.

    Args:
        folder: a checked model folder.
        context_tokens: prompt and reply of one stream.
        streams: requests decoded at the same time.
        kv_bits: of a quantized KV cache.
        adapter: folder of a LoRA adapter.
        draft: folder of a draft model.
        cache_bytes: bound of the prefix cache.
        prefill_tokens: prompt tokens computed at once.
    """
    shape = folder_shape(folder, adapter)
    return estimate_shape(
        shape, context_tokens=context_tokens, streams=streams, kv_bits=kv_bits, cache_bytes=cache_bytes,
        draft=folder_shape(draft) if draft else None, prefill_tokens=prefill_tokens,
    )  # fmt: skip


def estimate_shape(
    shape: ModelShape,
    *,
    context_tokens: int,
    streams: int,
    kv_bits: int | None = None,
    draft: ModelShape | None = None,
    cache_bytes: int = 0,
    prefill_tokens: int = PREFILL_TOKENS,
) -> MemoryEstimate:
    """Like `estimate`, for a model of which only the shape is known."""
    models = [shape, draft] if draft else [shape]
    weights = sum(model.weights for model in models)
    kv = streams * sum(model.kv(context_tokens, kv_bits) for model in models)
    working = PROCESS_BYTES + max(_prefill(model, context_tokens, prefill_tokens) for model in models)
    return MemoryEstimate(
        weights=weights,
        kv_per_token=sum(model.kv_per_token(kv_bits) for model in models),
        kv=kv,
        cache=cache_bytes,
        working=working,
        total=weights + kv + cache_bytes + working,
        context_tokens=context_tokens,
        streams=streams,
        kv_bits=kv_bits,
        notes=tuple(dict.fromkeys(note for model in models for note in model.notes)),
    )


def largest_context(available: int, size) -> int:
    """The longest context, a multiple of 256 tokens, at which `size(context_tokens=…).total` fits; 0 for none."""
    low, high = 0, SEARCHED_TOKENS // 256
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(context_tokens=middle * 256).total <= available else (low, middle - 1)
    return low * 256


def largest_streams(available: int, size, most: int) -> int:
    """How many streams, up to `most`, `size(streams=…).total` lets fit; 0 for none."""
    fitting, too_many = 0, most + 1
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        fitting, too_many = (middle, too_many) if size(streams=middle).total <= available else (fitting, middle)
    return fitting


def require_memory(
    folder: Path,
    *,
    context_tokens: int,
    streams: int,
    kv_bits: int | None = None,
    adapter: Path | None = None,
    draft: Path | None = None,
    cache_bytes: int = 0,
    prefill_tokens: int = PREFILL_TOKENS,
    available: int | None = None,
    attempted: str = "",
) -> MemoryEstimate:
    """The estimate, where it fits into `available` bytes (default: what this machine has now).

    Raises:
        ServingError: it does not; with the numbers, and what would fit.
    """
    available = available_bytes() if available is None else available
    shape, small = folder_shape(folder, adapter), folder_shape(draft) if draft else None
    size = partial(
        estimate_shape, shape, context_tokens=context_tokens, streams=streams, kv_bits=kv_bits, draft=small,
        cache_bytes=cache_bytes, prefill_tokens=prefill_tokens,
    )  # fmt: skip
    needed = size()
    if needed.total <= available:
        return needed
    fitting = what_fits(size, needed, available)
    raise ServingError(
        attempted or f"serve {folder}",
        seen=f"it takes {needed}; {readable(available)} of memory are available"
        + "".join(f" ({note})" for note in needed.notes),
        allowed="; ".join(fitting) or _other_model(available),
        next_step="set what fits in the provider's `server` (context_tokens, max_streams, kv_bits, prompt_cache_bytes)"
        if fitting
        else "choose another model, or end what holds the memory",
    )


def what_fits(size, needed: MemoryEstimate, available: int) -> list[str]:
    """Changes of one number each after which it fits, the least loss first. `size` is a partial `estimate_shape`."""
    found = []
    if needed.streams > 1 and (n := largest_streams(available, size, needed.streams - 1)):
        found.append(f"{n} {'stream' if n == 1 else 'streams'} of {needed.context_tokens} tokens")
    if (n := largest_context(available, size)) and n < needed.context_tokens:
        found.append(f"{_streams(needed.streams)} of {n} tokens")
    for bits in (8, 4):
        if bits < (needed.kv_bits or 16):
            smaller = partial(size, kv_bits=bits)
            if smaller().total <= available:
                found.append(f"kv_bits {bits} as it is")
            elif (n := largest_context(available, smaller)) > largest_context(available, size):
                found.append(f"{_streams(needed.streams)} of {n} tokens with kv_bits {bits}")
    if needed.cache and not found:
        n = needed.cache - (needed.total - available)
        if n > 0:
            found.append(f"a prefix cache of {readable(n)}")
    return found


def available_bytes() -> int:
    """Memory that a server could take now.

    Linux: what the kernel says is available, and no more than the control group allows. macOS: the working set Metal
    recommends, 3/4 of the memory from 36 GB on and 2/3 below, since the system makes room for it.
    """
    import psutil

    if sys.platform == "darwin":
        return memory_bytes()
    free = psutil.virtual_memory().available
    limit, used = _control_group()
    return min(free, max(0, limit - used)) if limit else free


def memory_bytes() -> int:
    """Memory that a server could ever take here: like `available_bytes`, with nothing else running."""
    import psutil

    total = psutil.virtual_memory().total
    if sys.platform == "darwin":
        return total * 3 // 4 if total >= 36 * 1024**3 else total * 2 // 3
    limit, _ = _control_group()
    return min(total, limit) if limit else total


def default_cache_bytes() -> int:
    """`PROMPT_CACHE_BYTES`, or a quarter of what a server may take here (`memory_bytes`) where that is less."""
    return min(PROMPT_CACHE_BYTES, memory_bytes() // 4)


def readable(number: float) -> str:
    """Bytes as people read them, in powers of 1000: `17.2 GB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size * 0.9995:
            return f"{number / size:.{1 if number < 100 * size else 0}f} {unit}"
    return f"{number:.0f} bytes"


def _prefill(shape: ModelShape, context_tokens: int, prefill_tokens: int) -> int:
    """Bytes of one chunk's activations: a few rows of the hidden size, and on a CPU the scores of all heads."""
    chunk = min(prefill_tokens, context_tokens)
    rows = chunk * shape.hidden * 8 * shape.width
    return rows + (0 if _fused() else int(UNFUSED * shape.heads * chunk * context_tokens * shape.width))


def _fused() -> bool:
    """Whether MLX computes attention without holding its scores: on GPUs, so not with its wheel for Linux CPUs."""
    found = {name for name in ("mlx-cpu", "mlx-cuda-12", "mlx-cuda-13") if installed(name)}
    return sys.platform != "linux" or found != {"mlx-cpu"}


def _control_group() -> tuple[int, int]:
    """(limit, use) in bytes of this process's memory (Linux control groups 2 and 1); zeros where there is no limit."""
    root = Path("/sys/fs/cgroup")
    for limit, usage, stat in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        with suppress(OSError, ValueError):  # "max" is no number
            most, used = int((root / limit).read_text()), int((root / usage).read_text())
            files = dict(line.split() for line in (root / stat).read_text().splitlines())
            return most, max(0, used - int(files.get("inactive_file", 0)))  # what is read again when needed
    return 0, 0


def _streams(number: int) -> str:
    return "1 stream" if number == 1 else f"{number} streams"


def _other_model(available: int) -> str:
    from .presets import fitting

    names = fitting(available)
    return f"a model that fits, such as {' or '.join(names)}" if names else "a smaller model"
