"""The whole way with a real server, ours and mlx_lm.server: started for the run, asked by the agent, then gone."""

from __future__ import annotations

import importlib.util
import json

import psutil
import pytest

from slm_ext.runs import run_task
from slm_ext.runs.events import Stage
from slm_ext.testing.models import make_random_model

from .parts import provide_entry

HAS_MLX = importlib.util.find_spec("mlx_lm") is not None and importlib.util.find_spec("mlx") is not None


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and waits for its parent's look does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
@pytest.mark.mlx
@pytest.mark.skipif(not HAS_MLX, reason="mlx-lm is not installed")
@pytest.mark.parametrize(("engine", "kind"), [("slm", "echoed"), ("plain", "keeper")])
def test_a_model_of_random_weights_is_served_asked_and_stopped(home, request_for, tmp_path, engine, kind):
    model = make_random_model(tmp_path / "model")  # its chat template knows no tools
    server = {"engine": engine, "model_path": str(model)}
    provide_entry(home, {"server": server, "tool_mode": "xml", "max_output_tokens": 8, "profile": "tiny"})
    heard, pids = [], []

    def listen(event):
        heard.append(event)
        if isinstance(event, Stage) and event.name == "agent":
            (state,) = (home / "servers").glob("*/state.json")
            told = json.loads(state.read_text())
            pids.extend([told["pid"], told["child_pid"]])

    result = run_task(request_for(), listen)
    assert (result.exit_status, result.exit_code) == ("RepeatedFormatError", 1)
    assert result.identity and result.identity["kind"] == kind and result.tokens.output == 3 * 8
    assert any(isinstance(e, Stage) and e.text.startswith("ready") for e in heard)
    assert len(pids) == 2 and not any(lives(pid) for pid in pids)
