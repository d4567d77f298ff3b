"""Results: means over questions with their standard error, tokens and truncated answers, from the answered rows."""

from __future__ import annotations

from math import sqrt
from typing import Any

import pytest

from distilray.evaluate import BenchmarkStep, Result, measured, ratio, read_results
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


def units_of(store: Store, *rows: dict[str, Any]) -> UnitInput:
    """A unit of questions with two answers of ten tokens each, whose other columns are those of ``rows``."""
    columns = BenchmarkStep.writes | {"cluster": "string", "phrasing_shares": "list<float>"}
    records = []
    for k, row in enumerate(rows):
        correct = row.get("correct", [True, False])
        base = {"id": f"q{k}", "outcome": "kept", "answer_tokens": 10.0, "truncated": 0, "unparsed": 0}
        records.append(base | {"correct": correct, "correct_share": sum(correct) / len(correct)} | row)
    path = "evaluations/teacher/test/unit-000000.parquet"
    write_unit(store, path, records, schema_with(columns), UnitCounts([StepCounts("benchmark")]))
    return UnitInput(path)


def test_questions_of_one_group_are_one_draw_and_samples_give_pass_at_k(local_store: Store):
    grouped = [{"correct": [True, True], "cluster": "a"}, {"correct": [True, False], "cluster": "a"}]
    unit = units_of(local_store, *grouped, {"correct": [False, False], "unparsed": 2}, {"correct": [True, False]})
    result = measured(local_store, [unit], "teacher", "test", "exact_match")
    expected = ratio([1.0, 0.5, 0.0, 0.5], clusters=["a", "a", "q2", "q3"])
    assert (result.value, result.stderr, result.clusters) == (expected.value, expected.stderr, 3)
    assert result.stderr > (ratio([1.0, 0.5, 0.0, 0.5]).stderr or 0)
    assert (result.samples, result.unparsed, result.unparsed_share) == (2, 2, 0.25)
    assert result.metrics["pass@2"].value == 0.75 and next(iter(result.metrics)) == "exact_match"


def test_the_score_under_each_phrasing_says_how_sensitive_it_is(local_store: Store):
    unit = units_of(local_store, {"phrasing_shares": [1.0, 0.0]}, {"phrasing_shares": [1.0, 0.5]})
    result = measured(local_store, [unit], "teacher", "test", "exact_match")
    assert [estimate.value for estimate in result.phrasings] == [1.0, 0.25]
    assert result.sensitivity == 0.75 and list(result.metrics) == ["exact_match"]


def test_an_evaluation_of_an_earlier_version_has_fewer_columns_and_the_same_numbers(local_store: Store):
    path = "evaluations/teacher/test/unit-000000.parquet"
    columns = {"correct_share": "float", "answer_tokens": "float", "truncated": "int"}
    row = {"id": "q0", "outcome": "kept", "correct_share": 1.0, "answer_tokens": 3.0, "truncated": 0}
    write_unit(local_store, path, [row], schema_with(columns), UnitCounts([StepCounts("benchmark")]))
    result = measured(local_store, [UnitInput(path)], "teacher", "test", "exact_match")
    assert (result.value, result.questions, result.unparsed, result.samples) == (1.0, 1, 0, 1)
    assert result.sensitivity is None
