"""Peak memory while inputs grow a hundredfold."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from figures import row

from datasets_parts.measuring import measured
from datasets_parts.trajectories import model_folder, write


def rows(quick: bool, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    few, many = (20, 200) if quick else (200, 20_000)
    with tempfile.TemporaryDirectory(prefix="slm-bench-") as name:
        folder = Path(name)
        model = str(model_folder(folder / "model"))
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for count in (few, many):
            tell(f"writing {count} trajectories of about 100 kB")
            write(folder / f"runs-{count}", count, steps=8, step_chars=1900, tasks=count)
            for what, more in (("convert", ()), ("build", (model,))):
                found[what, count] = measured(what, folder / f"runs-{count}", folder / f"out-{what}", *more)
                tell(f"{what}, {count} files: {found[what, count]}")
    small, large = found["convert", few], found["convert", many]
    grown = large["peak_kb"] / small["peak_kb"] - 1
    built = found["build", many]["peak_kb"] - found["build", few]["peak_kb"]
    rows_more = found["build", many]["rows"] - found["build", few]["rows"]
    detail = {"peak_mb": [round(one["peak_kb"] / 1024) for one in (small, large)], "files": [few, many]}
    pipeline = {"peak_mb": [round(found["build", n]["peak_kb"] / 1024) for n in (few, many)], "rows": rows_more}
    return [
        row("reading and converting: memory added by a hundredfold of files", 100 * grown, "%", 10, **detail),
        row("the whole pipeline: memory for each further row", built / rows_more, "kB", 4, **pipeline),
    ]
