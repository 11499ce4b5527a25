"""The recorder of the picture, on a real run of a scripted model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

pytest.importorskip("pyte", reason="comes with the extra [docs]")

from slm_ext.testing.openai_server import FakeOpenAI, tool_call

from .snippets import ROOT

PATH = "app/inventory.py"
FIX = [
    tool_call("pytest_run"),
    tool_call("read_file", path=PATH, symbol="items_below"),
    tool_call("edit_line", path=PATH, line=15, old="<= minimum", new="< minimum"),
    tool_call("pytest_run"),
    tool_call("submit"),
]


def record(tmp_path, replies):
    home = tmp_path / "home"
    home.mkdir()
    with FakeOpenAI(replies) as server:
        (home / "providers.yaml").write_text(
            f"slm_providers:\n  scripted: {{model: m, api_base: '{server.base_url}', profile: tiny}}\n"
        )
        script = ROOT / "scripts" / "record_demo.py"
        return subprocess.run(
            [sys.executable, script, "--slm", "scripted", "--out", tmp_path / "demo.svg"],
            env=os.environ | {"SLM_HOME": str(home)}, capture_output=True, text=True, timeout=180,
        )  # fmt: skip


def test_a_run_becomes_a_picture_of_its_last_screen(tmp_path):
    done = record(tmp_path, FIX)
    assert done.returncode == 0, done.stdout + done.stderr
    svg = (tmp_path / "demo.svg").read_text()
    text = "".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")
    for part in ("$ slm run --slm scripted --repo inventory", "edit_line app/inventory.py:15", "5 steps", "resolved"):
        assert part in text
    assert "-        if pieces <= minimum:" in text and "+        if pieces < minimum:" in text
    assert "://" not in re.sub(r"<!--.*?-->|http://www.w3.org/2000/svg", "", svg), "fetches nothing when it is shown"
    assert str(tmp_path) not in svg and "~/demo" in text


def test_a_run_that_fails_leaves_the_old_picture(tmp_path):
    (tmp_path / "demo.svg").write_text("old")
    assert record(tmp_path, [tool_call("submit")]).returncode == 1
    assert (tmp_path / "demo.svg").read_text() == "old"
