"""Records of the practice world as a file (``distilray practice make traces --rows 1000 --out traces.jsonl``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distilray.errors import InputError
from distilray.practice.arithmetic import problems
from distilray.practice.worked import traces

SOURCES = {"problems": problems, "traces": traces}


def make(kind: str, rows: int, seed: int, out: Path, **settings: Any) -> None:
    """Write ``rows`` records of :func:`problems` or :func:`traces` to ``out`` as JSON lines."""
    if kind not in SOURCES:
        raise InputError(f"no records {kind!r} in the practice world; they are {', '.join(SOURCES)}")
    with out.open("w", encoding="utf-8") as file:
        for record in SOURCES[kind](rows, seed, **settings):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
