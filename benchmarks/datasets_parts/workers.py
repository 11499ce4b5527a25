"""What is measured, each in a process of its own: prints one JSON object with runs, seconds and peak memory.

python -m datasets_parts.workers convert|build|swesmith FOLDER OUT [MODEL [FORMAT]]
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any


def convert(folder: Path, out: Path) -> dict[str, Any]:
    """Reading and converting alone: every run as one line of messages."""
    import slm_ext.traces
    from slm_ext.datasets.executors import LocalExecutor

    slm_ext.traces.find_files  # noqa: B018 (imported before the clock runs, as the other side's modules are)
    began = time.perf_counter()
    files = sorted((folder / "trajs").glob("*/*.traj"))
    parts = [(i, files[i : i + 64], out) for i in range(0, len(files), 64)]
    executor = LocalExecutor(preload=["slm_ext.traces"])
    done = sum(executor.map(convert_part, parts))
    executor.close()
    with (out / "converted.jsonl").open("wb") as whole:
        for number, _, _ in parts:
            part = out / f"part-{number}.jsonl"
            whole.write(part.read_bytes())
            part.unlink()
    return {"runs": done, "seconds": time.perf_counter() - began}


def convert_part(part: tuple[int, list[Path], Path]) -> int:
    """One part of the files."""
    import msgspec

    from slm_ext.traces import Trace, read_file

    number, files, out = part
    encoder, done = msgspec.json.Encoder(), 0
    with (out / f"part-{number}.jsonl").open("wb") as lines:
        for file in files:
            for trace in read_file(file):
                if isinstance(trace, Trace):
                    last = trace.turns[-1]
                    messages = [*(last.answer.prompt or last.messages), last.answer.reply]
                    lines.write(encoder.encode({"messages": messages, "instance_id": trace.instance_id}) + b"\n")
                    done += 1
    return done


def build(folder: Path, out: Path, model: str, form: str = "mlx") -> dict[str, Any]:
    """The whole pipeline: judged, masked, deduplicated, tokens counted, checked."""
    from slm_ext.datasets import BuildConfig, build_dataset

    began = time.perf_counter()
    config = BuildConfig(tokenizer=model, per_instance=None, format=form)
    manifest = build_dataset([folder / "trajs"], out / "dataset", config, labels=[folder / "eval"])
    return {
        "runs": manifest.counts["read"]["in"], "rows": sum(manifest.counts["rows"].values()),
        "seconds": time.perf_counter() - began,
    }  # fmt: skip


def swesmith(folder: Path, out: Path) -> dict[str, Any]:
    """SWE-smith's converter, as its command runs it."""
    root = Path(os.environ["SWESMITH_ROOT"])
    folder, out = folder.resolve(), out.resolve()
    os.chdir(root)  # it reads a prompt relative to its own root when it is imported
    sys.path.insert(0, str(root))
    from swesmith.train.traj_mgr.transform_to_ft import main

    began = time.perf_counter()
    main(out_dir=out, traj_dir=folder / "trajs", eval_dir=folder / "eval", style="xml", only_resolved=True)
    seconds = time.perf_counter() - began
    with next(out.glob("ft_xml_*.jsonl")).open("rb") as lines:
        return {"runs": sum(1 for _ in lines), "seconds": seconds}


def _peak_kb() -> int:
    """Of this process and the largest of its children, in kB."""
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return ours + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


if __name__ == "__main__":
    what, folder, out, *model = sys.argv[1:]
    Path(out).mkdir(parents=True, exist_ok=True)
    found = {"convert": convert, "build": build, "swesmith": swesmith}[what](Path(folder), Path(out), *model)
    print(json.dumps(found | {"peak_kb": _peak_kb()}))
