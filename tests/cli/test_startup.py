"""The start-up benchmark meets its goals and prints rows of the agreed shape."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slm_ext.cli.main import VERBS

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "startup.py"


@pytest.mark.slow
def test_startup_goals():
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--quick", "--json"], capture_output=True, text=True, timeout=300
    )
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert set(rows) == {"slm --help", "slm_ext_sweagent.pth", *(f"slm {verb} --help" for verb in VERBS)}
    for row in rows.values():
        assert {"name", "value", "unit", "goal", "better", "ok"} <= set(row)
        assert row["ok"] is not False, row
        assert row["ok"] is None or 0 <= row["value"] <= row["goal"] or row["unit"] == "ms"
    assert done.returncode == 0
