"""The tables of docs/measured.md are those of the committed results, which follow from their cells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import record
from benchmarks.claims.document import BEGIN, END, PAGE, WORLDS, with_tables
from benchmarks.claims.summary import summary
from tests.benchmarks.claims.cells import VARIANTS, three_seeds

MEASURED = [record.RESULTS / f"{world}_claim.json" for world in WORLDS]


def test_the_page_has_the_tables_of_the_results():
    page = PAGE.read_text("utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert with_tables(page, record.RESULTS) == page, "run: python -m benchmarks.claims.document"


@pytest.mark.parametrize("path", [path for path in MEASURED if path.is_file()], ids=lambda path: path.stem)
def test_committed_figures_follow_from_the_cells(path: Path):
    found = json.loads(path.read_text("utf-8"))
    again = summary(found["variants"], found["cells"])
    for name, of_variant in found["variants"].items():
        for how in ("greedy", "sampled"):
            assert again[name][how]["accuracy"] == of_variant[how]["accuracy"]
            for other, against in of_variant[how]["against"].items():
                assert again[name][how]["against"][other]["mean"] == against["mean"]
                assert again[name][how]["against"][other]["interval_95"] == pytest.approx(
                    against["interval_95"], abs=0.002
                )


def test_tables_come_from_the_files_that_there_are(tmp_path: Path):
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert with_tables(page, tmp_path) == f"before\n{BEGIN}\n{END}\nafter\n"
    cells = three_seeds()
    figures = {"questions": 5, "variants": summary(VARIANTS, cells), "cells": cells}
    (tmp_path / "own_claim.json").write_text(json.dumps(figures), "utf-8")
    shown = with_tables(page, tmp_path)
    assert "### Own answers: `benchmarks/own_claim.py`\n\n3 seeds of 5 problems; 9 cells, 9 minutes." in shown
    assert "| dpo | 4 | 100.0 | 80.0 |" in shown and "old" not in shown
    assert with_tables(shown, tmp_path) == shown
