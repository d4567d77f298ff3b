"""Responses and judgments that others recorded, against the scores that they published."""

from __future__ import annotations

import csv
from collections import defaultdict

import pytest

from distilray.evaluate import evaluate_recorded
from tests.support.recorded_data import SHARED, rows

pytestmark = pytest.mark.slow

DATA = SHARED / "data" / "evaluation"
QWEN = "evaluation/ifeval/Qwen__Qwen2.5-7B-Instruct-GPTQ-Int4.{}.jsonl"


@pytest.mark.parametrize("mode", ["strict", "loose"])
def test_ifevals_verdicts_are_the_recorded_ones_but_for_what_is_drawn_at_random(mode: str):
    """Its own code draws a letter where ``#`` or ``!`` is asked for, and langdetect draws without a seed."""
    recorded = rows(QWEN.format(mode))
    [found] = evaluate_recorded("ifeval", str(SHARED / "data" / QWEN.format(mode)), str(DATA))
    assert (found.answered, found.responses, found.missing) == (541, 541, 0)
    differing = [
        name
        for theirs, ours in zip(recorded, found.scored, strict=True)
        for name, one, other in zip(
            theirs["instruction_id_list"], theirs["follow_instruction_list"], ours.score.detail[mode], strict=True
        )
        if one != other
    ]
    letters, capitals = "en:keywords:letter_frequency", "en:change_case:english_capital"
    assert sorted(differing) == {"strict": [capitals, letters, letters], "loose": [capitals]}[mode]
    share = sum(row["follow_all_instructions"] for row in recorded) / 541
    assert found.metrics[f"prompt_level_{mode}_acc"].value == pytest.approx(share, abs=3.01 / 541)


def test_mt_benchs_scores_are_the_means_of_the_recorded_ones():
    scores: dict[tuple[str, int], list[float]] = defaultdict(list)
    for row in rows("evaluation/mt_bench/gpt-4_single.jsonl"):
        if row["score"] != -1:
            scores[row["model"], row["turn"]].append(row["score"])
    evaluations = evaluate_recorded("mt_bench", str(DATA / "mt_bench" / "gpt-4_single.jsonl"))
    assert {one.model for one in evaluations} == {model for model, _ in scores}
    for one in evaluations:
        first, second = scores[one.model, 1], scores[one.model, 2]
        assert one.metrics["first_turn"].value == pytest.approx(sum(first) / len(first), abs=1e-12)
        assert one.metrics["second_turn"].value == pytest.approx(sum(second) / len(second), abs=1e-12)
        both = first + second
        assert one.metrics["score"].value == pytest.approx(sum(both) / len(both), abs=1e-12)
        assert one.doubled == (160 if one.model == "mistral-orpo" else 0)
        assert one.missing == 0 and one.unparsed == (one.model == "mistral-orpo")


def test_humanevals_example_samples_give_the_published_half():
    rows("evaluation/humaneval/example_samples.jsonl")
    [found] = evaluate_recorded("humaneval", str(DATA / "humaneval" / "example_samples.jsonl"), str(DATA))
    assert found.metrics["pass@1"].value == 0.5 and found.metrics["pass@5"].value == 1.0
    assert (found.questions, found.samples) == (1, 6)


@pytest.mark.parametrize("model", ["claude-2.1", "gemma-2b-it"])
def test_alpacaevals_win_rates_are_the_boards(model: str):
    rows(f"evaluation/alpaca_eval/{model}.annotations.json.gz")
    with (DATA / "alpaca_eval" / "leaderboard_rows.csv").open() as stream:
        board = {row[""]: row for row in csv.DictReader(stream)}[model]
    [found] = evaluate_recorded("alpaca_eval", str(DATA / "alpaca_eval" / f"{model}.annotations.json.gz"), str(DATA))
    assert found.metrics["win_rate"].value == pytest.approx(float(board["win_rate"]), abs=1e-6)
    assert found.metrics["win_rate"].stderr == pytest.approx(float(board["standard_error"]), abs=1e-6)
    assert found.metrics["discrete_win_rate"].value == pytest.approx(float(board["discrete_win_rate"]), abs=1e-6)
    controlled = found.metrics["length_controlled_win_rate"].value
    assert controlled == pytest.approx(float(board["length_controlled_winrate"]), abs=0.1)
    assert found.metrics["mean_length"].value == pytest.approx(float(board["avg_length"]), abs=1)
