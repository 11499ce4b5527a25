"""Write the parts of docs/reference that come from the code.

    python scripts/make_reference.py [--check]

A page is written by hand; what lies between `<!-- generated: NAME -->` and `<!-- end -->` is replaced. `--check` writes
nothing and exits with 1 where a page is out of date. The parts are in `reference_parts.py`, their tables in
`reference_tables.py`.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from reference_parts import PARTS

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs"
_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fresh(text: str) -> str:
    """`text` with every generated part made anew. Raises KeyError for a part that nothing makes."""
    return _PART.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]().strip()}\n\n{match[3]}", text)


def main(argv: list[str] | None = None) -> int:
    """Carry out the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args(argv).check
    stale = []
    for page in sorted(PAGES.rglob("*.md")):
        old = page.read_text(encoding="utf-8")
        new = fresh(old)
        if new != old:
            stale.append(page.relative_to(ROOT))
            if not check:
                page.write_text(new, encoding="utf-8")
    for page in stale:
        print(f"{page}: {'out of date; next: make reference' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
