"""Speed over SWE-smith's converter: on the same files, in pairs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from figures import pairwise, row, skipped

from datasets_parts.measuring import measured
from datasets_parts.trajectories import model_folder, write

_CONVERT = "reading and converting alone, over SWE-smith's conversion"
_BUILD = {
    "openai": "the whole pipeline, a row a conversation as theirs, over SWE-smith's bare conversion",
    "mlx": "the whole pipeline, a row a trained turn, over SWE-smith's bare conversion",
}


def rows(quick: bool, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    if not os.environ.get("SWESMITH_ROOT"):
        why = "SWESMITH_ROOT is not set"
        goals = {_CONVERT: 5, **dict.fromkeys(_BUILD.values(), 1)}
        return [skipped(title, "×", goal, why, "higher") for title, goal in goals.items()]
    count, pairs = (60, 1) if quick else (2000, 3)
    with tempfile.TemporaryDirectory(prefix="slm-bench-") as name:
        folder = Path(name)
        tell(f"writing {count} trajectories")
        write(folder / "runs", count)
        model = str(model_folder(folder / "model"))
        size = sum(file.stat().st_size for file in (folder / "runs" / "trajs").glob("*/*.traj")) / count

        def speed(what: str, *more: str) -> Callable[[int], float]:
            def measure(pair: int) -> float:
                found = measured(what, folder / "runs", folder / f"out-{what}", *more)
                if found["runs"] != count:
                    raise RuntimeError(f"{what}: {found['runs']} of {count} runs")
                tell(f"{what}: {found['seconds']:.1f} s")
                return found["runs"] / found["seconds"]

            return measure

        made = []
        builds = [(title, 1, "build", (model, form)) for form, title in _BUILD.items()]
        for title, goal, what, more in [(_CONVERT, 5, "convert", ()), *builds]:
            ratio, detail = pairwise(speed(what, *more), speed("swesmith"), pairs)
            made.append(row(title, ratio, "×", goal, "higher", files=count, bytes_each=round(size), **detail))
        return made
