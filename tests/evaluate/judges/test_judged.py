"""The benchmark that a judge scores: what a recipe may say, what is asked, and what comes of the verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from distilray.evaluate import BenchmarkEntry, Judged, JudgedStep, Result
from distilray.ledger import StepCounts, UnitCounts, UnitInput, write_unit
from distilray.rows import schema_with
from distilray.storage import Store
from tests.support.planted import go, problem

ENTRIES = TypeAdapter(list[BenchmarkEntry])
SOURCE = "source: {name: s, path: s.jsonl}"


def read(text: str) -> list:
    return ENTRIES.validate_python(yaml.safe_load(text))


def points(number: int) -> str:
    return json.dumps({"check": f"worth {number}", "points": number})


def better(word: str) -> str:
    return json.dumps({"check": "", "better": word})


def test_a_recipe_names_the_judge_and_gets_it_back():
    [graded, paired] = read(
        f"- {{kind: judged, name: g, {SOURCE}, judge: {{model: judge, form: points}}}}\n"
        f"- {{kind: judged, name: p, {SOURCE}, judge: {{model: judge, cache: false}}, against: answer}}"
    )
    assert isinstance(graded, Judged) and (graded.metric, graded.judges()) == ("points", {"judge"})
    assert (paired.metric, paired.judge.swap, paired.judge.cache) == ("win_rate", True, False)
    documents = ENTRIES.dump_python([graded, paired], mode="json", by_alias=True)
    assert ENTRIES.validate_python(yaml.safe_load(yaml.safe_dump(documents))) == [graded, paired]
    assert paired.step("m", "plain").columns_read() == {"messages", "answer"}
    assert {prompt.name for prompt in paired.step("m", "answer").prompts_used()} == {"answer", "judge_pair"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("judge: {model: judge}", "give `against`"),
        ("judge: {model: judge, form: points}, against: answer", "remove `against`"),
        ("judge: {model: judge}, against: answer, metric: points", "it follows from `against`"),
        ("judge: {model: judge, form: taste}", "form"),
        ("against: answer", "judge"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: str, message: str):
    with pytest.raises(ValidationError, match=message):
        read(f"- {{kind: judged, name: g, {SOURCE}, {settings}}}")


def test_every_answer_is_graded_and_a_verdict_that_cannot_be_read_is_no_score(tmp_path: Path):
    step = JudgedStep(model="m", judge={"model": "j", "form": "points", "cache": False}, samples=3)  # type: ignore[arg-type]
    replies = [points(8), points(6), *["good"] * 4]
    row = problem(answer=None, reasoning=None)
    outcome, engine = go(tmp_path, step, row, m=["one", "<think>hm</think>\n\ntwo", "three"], j=replies)
    columns = outcome.columns
    assert (columns["correct"], columns["correct_share"], columns["unparsed"]) == ([8.0, 6.0, None], 7.0, 1)
    assert (columns["judge_asked"], columns["judge_unread"], columns["judge_cached"]) == (6.0, 1.0, 0.0)
    assert columns["reasons"][0] == "worth 8" and columns["agreed"] == [None, None, None]
    said = engine.questions("j")
    assert "hm" not in said[1].split("Answer:")[1] and row["reference"] in said[0]
    assert set(columns) <= set(step.columns_written())


def test_an_answer_is_compared_with_the_rows_own(tmp_path: Path):
    step = JudgedStep(model="m", judge={"model": "j", "cache": False}, against="answer")  # type: ignore[arg-type]
    outcome, engine = go(tmp_path, step, problem(answer="the baseline's"), m=["ours"], j=[better("B"), better("A")])
    assert outcome.columns["correct"] == [1.0] and outcome.columns["agreed"] == [True]
    assert engine.questions("j")[0].index("the baseline's") < engine.questions("j")[0].index("ours")
    assert outcome.columns["answer"] == "ours"
    outcome, engine = go(tmp_path / "none", step, problem(answer=None), m=["ours"], j=[])
    assert (outcome.kind, outcome.reason, engine.asked) == ("rejected", "no answer", [])


def answered(store: Store, *rows: dict) -> UnitInput:
    path = "evaluations/m/g/unit-000000.parquet"
    known = {"outcome": "kept", "answer_tokens": 5.0, "truncated": 0, "judge_asked": 2.0, "judge_cost": 0.5}
    records = [{"id": f"q{k}", **known, **row} for k, row in enumerate(rows)]
    write_unit(store, path, records, schema_with(JudgedStep.writes), UnitCounts([StepCounts("benchmark")]))
    return UnitInput(path)


def result_of(store: Store, settings: str, *rows: dict) -> Result:
    [benchmark] = read(f"- {{kind: judged, name: g, {SOURCE}, {settings}}}")
    return benchmark.result(store, [answered(store, *rows)], "m")


def test_the_result_has_the_judges_agreement_and_cost(local_store: Store):
    rows = [
        {"correct": [1.0], "correct_share": 1.0, "unparsed": 0, "agreed": [True]},
        {"correct": [0.5], "correct_share": 0.5, "unparsed": 0, "agreed": [False]},
        {"correct": [None], "correct_share": None, "unparsed": 1, "agreed": [None], "judge_unread": 1.0},
    ]
    result = result_of(local_store, "judge: {model: judge}, against: answer", *rows)
    assert (result.metric, result.value, result.questions, result.highest) == ("win_rate", 0.75, 2, 1.0)
    assert result.agreement is not None and (result.agreement.value, result.agreement.n) == (0.5, 2)
    assert (result.judging["asked"], result.judging["unread"], result.judging["cost"]) == (6.0, 1.0, 1.5)
    assert (result.unparsed, result.answers) == (1, 3) and list(result.metrics) == ["win_rate"]


def test_points_are_on_their_own_scale(local_store: Store):
    rows = [{"correct": [8.0, 6.0], "correct_share": 7.0, "unparsed": 0}]
    result = result_of(local_store, "judge: {model: judge, form: points}", *rows)
    assert (result.value, result.highest, result.agreement) == (7.0, 10.0, None)
