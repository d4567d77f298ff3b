"""From cells to summaries and tables."""

from __future__ import annotations

import pytest

from benchmarks.claims.summary import summary
from benchmarks.claims.table import compared, markdown, plain, reached
from tests.benchmarks.claims.cells import VARIANTS, three_seeds


def test_accuracies_and_differences_follow_from_the_cells():
    found = summary(VARIANTS, three_seeds())
    assert found["start"]["greedy"]["accuracy"] == 0.4 and found["start"]["greedy"]["against"] == {}
    dpo = found["dpo"]
    assert dpo["greedy"]["by_seed"] == {"1": 1.0, "2": 1.0, "3": 1.0}
    assert dpo["sampled"]["accuracy"] == 0.8 and dpo["sampled"]["truncated"] == 3
    assert list(dpo["greedy"]["against"]) == ["sft", "start"]
    against = dpo["greedy"]["against"]["sft"]
    assert against["mean"] == 0.6 and against["over_seeds"] == [0.6, 0.6] and against["verdict"] == "better"
    assert dpo["sampled"]["against"]["sft"]["mean"] == pytest.approx(0.3)
    assert found["sft"]["greedy"]["against"]["start"]["verdict"] == "no difference shown"
    assert dpo["ranked_before"]["accuracy"] == 0.4 and dpo["ranked_after"]["accuracy"] == 0.9
    assert dpo["seeds"] == [1, 2, 3] and dpo["rows"] == 128


def test_a_summary_can_be_made_again_from_itself():
    found = summary(VARIANTS, three_seeds())
    assert summary(found, three_seeds()) == found


def test_variants_and_controls_without_cells_are_left_out():
    cells = [
        cell for cell in three_seeds() if cell["variant"] != "sft" and (cell["variant"], cell["seed"]) != ("dpo", 2)
    ]
    found = summary(VARIANTS, cells)
    assert list(found) == ["start", "dpo"]
    assert list(found["dpo"]["greedy"]["against"]) == ["start"]
    assert found["dpo"]["seeds"] == [1, 3]


def test_tables_show_what_was_reached_and_what_differs():
    found = summary(VARIANTS, three_seeds())
    assert reached(found)[-1] == ("dpo", "4", "100.0", "80.0", "46.0", "48.5", "40 -> 90")
    rows = {row[:2]: row[2] for row in compared(found, lambda text: f"<{text}>")}
    assert rows["dpo", "sft"].startswith("<+60.0 [+")
    assert rows["sft", "start"] == "+0.0 [+0.0, +0.0]"
    assert "| dpo | sft | **+60.0 [" in markdown(found)
    assert "pairs ranked right" not in markdown({"start": found["start"]})
    assert plain(found).splitlines()[0].split()[:3] == ["variant", "steps", "greedy"]
