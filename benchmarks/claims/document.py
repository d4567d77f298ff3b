"""The tables of docs/measured.md on claims, from the result files.

python -m benchmarks.claims.document
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.claims.table import markdown

PAGE = record.ROOT / "docs" / "measured.md"
WORLDS = {"ds3": "Traces", "kd": "Few answers", "style": "Style", "own": "Own answers", "selection": "Selection"}
"""A world to its heading."""
BEGIN, END = "<!-- tables of benchmarks.claims.document -->", "<!-- end of tables -->"


def main() -> None:
    PAGE.write_text(with_tables(PAGE.read_text("utf-8"), record.RESULTS), "utf-8")


def with_tables(page: str, results: Path) -> str:
    """``page`` with the tables that follow from the files in ``results`` between its two marks."""
    parts = [part for name in WORLDS if (part := section(name, results)) is not None]
    text = "\n".join([BEGIN, *(f"\n{part}\n" for part in parts), END])
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: text, page, flags=re.S)


def section(world: str, results: Path) -> str | None:
    """Heading, sizes and tables of a world; None where it was not measured."""
    path = results / f"{world}_claim.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    seeds = {cell["seed"] for cell in found["cells"]}
    seconds = sum(cell["seconds"] for cell in found["cells"])
    head = f"### {WORLDS[world]}: `benchmarks/{world}_claim.py`"
    taken = (
        f"{len(seeds)} seeds of {found['questions']} problems; {len(found['cells'])} cells, {seconds / 60:.0f} minutes"
    )
    return f"{head}\n\n{taken}.\n\n{markdown(found['variants'])}"


if __name__ == "__main__":
    main()
