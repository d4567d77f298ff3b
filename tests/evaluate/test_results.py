"""Results: means over questions with their standard error, tokens and truncated answers, from the answered rows."""

from __future__ import annotations

from math import sqrt

import pytest

from distilray.evaluate import BenchmarkStep, Result, measured, read_results
from distilray.evaluate.results import NoAnswers
from distilray.ledger import StepCounts, UnitCounts, UnitInput, write_unit
from distilray.rows import schema_with
from distilray.storage import Store


def answered(store: Store, name: str, *rows: tuple[str, float, float, int]) -> UnitInput:
    """A unit of answered questions: outcome, share of correct answers, mean tokens, how many were cut."""
    path = f"evaluations/teacher/test/{name}.parquet"
    records = [
        {"id": f"{name}:{k}", "outcome": outcome, "correct_share": share, "answer_tokens": tokens, "truncated": cut}
        for k, (outcome, share, tokens, cut) in enumerate(rows)
    ]
    write_unit(store, path, records, schema_with(BenchmarkStep.writes), UnitCounts([StepCounts("benchmark")]))
    return UnitInput(path)


def test_mean_standard_error_tokens_and_truncated_answers_over_all_units(local_store: Store):
    units = [
        answered(local_store, "unit-000000", ("kept", 1.0, 10.0, 0), ("kept", 0.0, 30.0, 2)),
        answered(local_store, "unit-000001", ("kept", 0.5, 20.0, 1), ("kept", 0.5, 40.0, 0)),
    ]
    result = measured(local_store, units, "teacher", "test", "exact_match")
    assert (result.model, result.benchmark, result.metric) == ("teacher", "test", "exact_match")
    assert result.value == 0.5
    assert result.stderr == pytest.approx(sqrt(0.5 / 3) / sqrt(4))  # the sample's deviation, over 4 questions
    assert result.mean_output_tokens == 25.0
    assert (result.questions, result.truncated) == (4, 3)


def test_questions_that_were_not_asked_do_not_count(local_store: Store):
    unit = answered(local_store, "unit-000000", ("kept", 1.0, 10.0, 0), ("rejected", 0.0, 0.0, 5))
    result = measured(local_store, [unit], "teacher", "test", "exact_match")
    assert (result.value, result.questions, result.truncated) == (1.0, 1, 0)


def test_one_question_has_no_spread(local_store: Store):
    unit = answered(local_store, "unit-000000", ("kept", 1.0, 10.0, 0))
    assert measured(local_store, [unit], "teacher", "test", "exact_match").stderr == 0.0


def test_a_benchmark_without_an_answer_is_an_error_with_its_name(local_store: Store):
    unit = answered(local_store, "unit-000000", ("rejected", 0.0, 0.0, 0))
    with pytest.raises(NoAnswers, match="benchmark 'test': teacher answered no question"):
        measured(local_store, [unit], "teacher", "test", "exact_match")


def test_results_are_read_back_by_benchmark_and_model(local_store: Store):
    for model, benchmark in (("teacher", "b"), ("student_after", "a"), ("student_after", "b")):
        result = Result(
            model=model, benchmark=benchmark, metric="exact_match", value=0.5, stderr=0.1,
            mean_output_tokens=7.0, questions=4, truncated=0,
        )  # fmt: skip
        local_store.write_json(f"evaluations/{model}/{benchmark}/result.json", result)
    local_store.write_json("evaluations/teacher/unfinished/manifest.json", {})
    found = [(result.benchmark, result.model) for result in read_results(local_store)]
    assert found == [("a", "student_after"), ("b", "student_after"), ("b", "teacher")]
