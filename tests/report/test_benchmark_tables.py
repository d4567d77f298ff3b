"""Models side by side on published benchmarks."""

from __future__ import annotations

import io

from rich.console import Console

from distilray.evaluate import Estimate, Evaluation
from distilray.report import benchmark_table


def evaluation(model: str, benchmark: str, title: str, metrics: dict[str, Estimate], **changes) -> Evaluation:
    known = {
        "release": "", "subsets": {}, "questions": 100, "answered": 100, "missing": 0, "missing_ids": [],
        "responses": 100, "samples": 1, "doubled": 0, "short": 0, "unparsed": 2, "truncated": 5,
        "mean_output_tokens": 183.4, "mean_output_characters": None, "notes": [], "scored": [],
    }  # fmt: skip
    return Evaluation(model=model, benchmark=benchmark, title=title, metrics=metrics, **{**known, **changes})


def shown(*evaluations: Evaluation) -> list[str]:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(benchmark_table(evaluations))
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_every_score_has_its_error_its_tokens_and_what_was_cut():
    small = evaluation("small", "gsm8k", "GSM8K", {"accuracy": Estimate(0.71, 0.0125, 100)})
    large = evaluation("large", "gsm8k", "GSM8K", {"accuracy": Estimate(0.83, None, 1)}, truncated=0, missing=3)
    judged = evaluation(
        "small", "mt_bench", "MT-Bench", {"score": Estimate(7.25, 0.5, 80), "first_turn": Estimate(8, 0.4, 80)}
    )
    head, first, costs, second, judged_costs, turn = shown(small, large, judged)
    assert head.split() == ["benchmark", "metric", "small", "large"]
    assert first.split()[:2] == ["GSM8K", "accuracy"]
    assert "0.7100 ± 0.0125" in first and first.endswith("0.8300")
    assert "183 tokens, cut 5.0%, unparsed 2.0%" in costs and costs.endswith("cut 0.0%, unparsed 2.0%, missing 3")
    assert second.startswith("MT-Bench") and second.endswith("7.25 ± 0.50")
    assert judged_costs.strip() == "183 tokens, cut 5.0%, unparsed 2.0%"
    assert turn.split() == ["first_turn", "8.00", "±", "0.40"]
