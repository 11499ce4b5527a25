"""What the reference says is what the code has."""

from __future__ import annotations

import re
import subprocess
import sys

from .snippets import ROOT, pages


def test_the_generated_parts_are_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_reference.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_environment_variable_in_the_code_is_documented():
    page = (ROOT / "docs" / "reference" / "files.md").read_text()
    used = set()
    for folder, kinds in (("slm_ext", "*.py"), ("tool_bundles", "*")):
        for path in (ROOT / folder).rglob(kinds):
            if path.is_file() and path.suffix in (".py", "") and "cache" not in str(path):
                used |= set(re.findall(r"\b(?:SLM|SWE_AGENT|MSWEA|LITELLM)_[A-Z_]*[A-Z]\b", path.read_text()))
    used -= {"SWE_AGENT_SUBMISSION"}  # a mark in SWE-agent's output
    assert len(used) > 15
    assert not sorted(name for name in used if f"`{name}`" not in page)


def test_every_page_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text()
    for page in pages()[1:]:
        assert str(page.relative_to(ROOT / "docs")) in nav, page


def test_no_page_names_a_machine():
    for page in pages():
        assert not re.findall(r"/(?:work|root|home)/(?!model\.patch|tools)\w+", page.read_text()), page
