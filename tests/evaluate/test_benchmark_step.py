"""The step that asks a benchmark's questions: what counts as correct, and how a model is asked."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from distilray.evaluate import BenchmarkStep
from distilray.models import Reply
from distilray.rows import Row
from tests.support.planted import go, problem


def question(**columns) -> Row:
    return problem(answer=None, reasoning=None, **columns)


def test_the_share_of_correct_answers_their_tokens_and_what_was_cut(tmp_path):
    replies = [Reply("so 861", "stop", 10, 4), Reply("851", "stop", 10, 2), Reply("so 861", "length", 10, 9)]
    outcome, engine = go(tmp_path, BenchmarkStep(model="student", samples=3), question(), student=replies)
    assert outcome.kind == "kept"
    columns = outcome.columns
    assert columns["correct"] == [True, False, False]
    assert columns["correct_share"] == pytest.approx(1 / 3)
    assert columns["answer_tokens"] == 5.0
    assert columns["truncated"] == 1
    assert columns["answers"] == ["so 861", "851", "so 861"]
    assert columns["verdict"] == "861 equals 861"
    assert engine.unsaid() == {}


def test_a_question_without_a_reference_is_not_asked(tmp_path):
    outcome, engine = go(tmp_path, BenchmarkStep(model="student"), question(reference=None), student=["861"])
    assert (outcome.kind, outcome.reason) == ("rejected", "no reference")
    assert engine.asked == []


@pytest.mark.parametrize(
    ("compare", "reference", "reply"),
    [("math", r"\frac{1}{2}", r"\boxed{0.5}"), ("choice", "B", "The answer is (B)."), ("numeric", "7", "So it is 7.")],
)
def test_answers_are_compared_by_any_verifier_that_compares(tmp_path, compare, reference, reply):
    step = BenchmarkStep(model="student", compare=compare)
    outcome, _ = go(tmp_path, step, question(reference=reference), student=[reply])
    assert outcome.columns["correct"] == [True]


def test_a_student_gets_the_question_alone_and_a_teacher_its_prompt(tmp_path):
    _, plain = go(tmp_path, BenchmarkStep(model="m"), question(), m=["861"])
    _, asked = go(tmp_path, BenchmarkStep(model="m", style="answer"), question(), m=["861"])
    [text] = plain.questions("m")
    assert text == question()["messages"][0]["content"]
    assert asked.asked[0][1].messages != plain.asked[0][1].messages


def test_a_comparison_that_there_is_not_names_those_there_are():
    with pytest.raises(ValidationError, match="'taste' does not name a comparison; known are numeric, math, code"):
        BenchmarkStep(model="m", compare="taste")
