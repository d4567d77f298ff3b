"""What comes of the rows that a published benchmark was asked as: all metrics, and what is missing beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.evaluate import PublishedStep, read_evaluations, result_line, write_evaluation
from distilray.evaluate.results import NoAnswers
from distilray.ledger import StepCounts, UnitCounts, UnitInput, write_unit
from distilray.rows import schema_with
from distilray.storage import Store
from tests.support.asked import FOIL, Published, oracle, published, rows
from tests.support.planted import go


def answered(store: Store, folder: Path, benchmark: Published, replies: list, **scripts) -> UnitInput:
    """A unit of the benchmark's rows with these replies; the row of a reply that is None failed."""
    step, records = benchmark.step("m", "plain"), []
    for k, (row, reply) in enumerate(zip(rows(benchmark), replies, strict=True)):
        if reply is None:
            records.append({**row.values, "outcome": "failed", "reason": "PromptTooLong: too long"})
            continue
        said = reply if isinstance(reply, list) else [reply]
        outcome, _ = go(folder / f"row-{k}", step, row, m=said, **{name: own[k] for name, own in scripts.items()})
        records.append({**outcome.apply(row).values, "outcome": "kept"})
    path = f"evaluations/m/{benchmark.name}/unit-0.parquet"
    schema = schema_with(PublishedStep.writes)
    write_unit(store, path, records, schema, UnitCounts([StepCounts("benchmark")]))
    return UnitInput(path)


def test_all_metrics_of_a_benchmark_and_a_line_for_tables(local_store: Store, tmp_path: Path):
    benchmark = published("ifeval", tmp_path)
    right = oracle("ifeval", rows(benchmark))
    unit = answered(local_store, tmp_path, benchmark, [right[0], FOIL])
    found = benchmark.evaluation(local_store, [unit], "m")
    assert {name: one.value for name, one in found.metrics.items() if "strict" in name} == {
        "prompt_level_strict_acc": 0.5,
        "inst_level_strict_acc": pytest.approx(2 / 3),
    }
    assert (found.questions, found.answered, found.missing, found.responses) == (2, 2, 0, 2)
    assert "2 of the release's 541 questions were asked" in found.notes
    line = result_line(found, "instructions", "prompt_level_strict_acc")
    assert (line.model, line.benchmark, line.value, line.questions) == ("m", "instructions", 0.5, 2)
    assert line.stderr == pytest.approx(0.5) and line.mean_output_tokens == found.mean_output_tokens


def test_a_row_that_failed_is_a_missing_question(local_store: Store, tmp_path: Path):
    benchmark = published("gsm8k", tmp_path)
    unit = answered(local_store, tmp_path, benchmark, ["\\boxed{7}", None])
    found = benchmark.evaluation(local_store, [unit], "m")
    assert (found.questions, found.answered, found.missing, found.missing_ids) == (2, 1, 1, ["1"])
    assert found.metrics["accuracy"].value == 1.0
    assert any("1 row failed, the first: PromptTooLong" in note for note in found.notes)


def test_both_turns_of_a_conversation_count_and_are_one_cluster(local_store: Store, tmp_path: Path):
    benchmark = published("mt_bench", tmp_path)
    points = [[json.dumps({"explanation": "", "rating": one}) for one in pair] for pair in ((8, 6), (10, 4))]
    unit = answered(local_store, tmp_path, benchmark, [["a", "b"], ["c", "d"]], judge=points)
    found = benchmark.evaluation(local_store, [unit], "m")
    assert {name: one.value for name, one in found.metrics.items()} == {
        "score": 7.0,
        "first_turn": 9.0,
        "second_turn": 5.0,
    }
    assert found.metrics["score"].n == 2 and found.questions == 4
    assert {name: one.value for name, one in found.subsets.items()} == {"math": 7.0, "writing": 7.0}


def test_without_any_answer_or_verdict_there_is_no_score(local_store: Store, tmp_path: Path):
    gsm8k, judged = published("gsm8k", tmp_path), published("mt_bench", tmp_path)
    failed = answered(local_store, tmp_path, gsm8k, [None, None])
    with pytest.raises(NoAnswers, match="'gsm8k': m answered no question; the first failed: PromptTooLong"):
        gsm8k.evaluation(local_store, [failed], "m")
    nothing = [["no"] * 4 * 2] * 2
    unread = answered(local_store, tmp_path / "judged", judged, [["a", "b"], ["c", "d"]], judge=nothing)
    with pytest.raises(NoAnswers, match="no verdict on any answer of m could be read; ask another judge"):
        judged.evaluation(local_store, [unread], "m")


def test_an_evaluation_is_kept_beside_its_result_and_read_back(local_store: Store, tmp_path: Path):
    benchmark = published("gsm8k", tmp_path)
    unit = answered(local_store, tmp_path, benchmark, ["\\boxed{7}", "1200"])
    found = benchmark.evaluation(local_store, [unit], "m")
    write_evaluation(local_store, "evaluations/m/gsm8k", found)
    [read] = read_evaluations(local_store)
    assert read.scored == [] and read.metrics == found.metrics
    assert (read.benchmark, read.model, read.questions) == ("gsm8k", "m", 2)
