"""The table of a plan with what published benchmarks take."""

from __future__ import annotations

import io

from rich.console import Console

from distilray.planning import BenchmarkNeed
from distilray.report.benchmark_plan import benchmarks_table


def test_a_line_for_each_model_and_the_sum():
    needs = [
        BenchmarkNeed("gsm8k", "student_after", False, 1319, 1319, 200_000, 300_000, 1_300_000, None, None),
        BenchmarkNeed("mt_bench", "judge", True, 80, 160, 100_000, 50_000, 80_000, 2.5, 3.25),
    ]
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(benchmarks_table(needs))
    head, student, judge, together = (line.split() for line in console.export_text().splitlines())
    assert head[:4] == ["benchmark", "asked", "questions", "answers"]
    assert student == ["gsm8k", "student", "after", "1,319", "1,319", "0.20", "0.30", "1.30"]
    assert judge == ["mt_bench", "judge", "(judge)", "80", "160", "0.10", "0.05", "0.08", "2.50", "3.25"]
    assert together == ["together", "0.30", "0.35", "1.38", "2.50", "3.25"]
