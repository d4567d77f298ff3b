"""The tables of docs/measured.md are those of the committed results, which follow from their cells."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import record
from benchmarks.claims.document import BEGIN, END, PAGE, WORLDS, with_tables
from benchmarks.claims.summary import summary
from tests.benchmarks.claims.cells import VARIANTS, three_seeds


def test_the_page_has_the_tables_of_the_results():
    page = PAGE.read_text("utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert with_tables(page, record.RESULTS) == page, "run: python -m benchmarks.claims.document"


def test_committed_figures_follow_from_the_cells():
    for path in (record.RESULTS / f"{world}_claim.json" for world in WORLDS):
        if path.is_file():
            found = json.loads(path.read_text("utf-8"))
            check_figures(found["variants"], summary(found["variants"], found["cells"]))


def check_figures(variants: dict[str, Any], again: dict[str, Any]) -> None:
    assert list(again) == list(variants)
    for name, how in itertools.product(variants, ("greedy", "sampled")):
        shown, computed = variants[name][how], again[name][how]
        assert computed["accuracy"] == shown["accuracy"] and list(computed["against"]) == list(shown["against"])
        for other, against in shown["against"].items():
            assert computed["against"][other]["mean"] == against["mean"]
            assert computed["against"][other]["interval_95"] == pytest.approx(against["interval_95"], abs=0.002)


def test_tables_come_from_the_files_that_there_are(tmp_path: Path):
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert with_tables(page, tmp_path) == f"before\n{BEGIN}\n{END}\nafter\n"
    cells = three_seeds()
    figures = {"questions": 5, "variants": summary(VARIANTS, cells), "cells": cells}
    check_figures(figures["variants"], summary(VARIANTS, cells))
    (tmp_path / "own_claim.json").write_text(json.dumps(figures), "utf-8")
    shown = with_tables(page, tmp_path)
    assert "### Own answers: `benchmarks/own_claim.py`\n\n3 seeds of 5 problems; 9 cells, 9 minutes." in shown
    assert "| dpo | 4 | 100.0 | 80.0 |" in shown and "old" not in shown
    assert with_tables(shown, tmp_path) == shown
