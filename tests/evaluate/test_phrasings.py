"""The same question in several phrasings: what is asked, what is counted, and what a recipe may say."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from distilray.evaluate import BenchmarkStep, Questions
from distilray.evaluate.phrasings import CHINESE, ENGLISH, MARK, PhrasedStep, phrased, phrased_step
from tests.support.planted import go, problem

SOURCE = {"name": "s", "path": "s.jsonl"}


def test_every_phrasing_is_asked_and_counted_by_itself(tmp_path):
    step = phrased_step((MARK, f"Q: {MARK}\nA:"), model="student", samples=2)
    row = problem(answer=None, reasoning=None)
    outcome, engine = go(tmp_path, step, row, student=["861", "no idea", "861", "so 861"])
    columns = outcome.columns
    question = row.instruction
    assert engine.questions("student") == [question, f"Q: {question}\nA:"]
    assert columns["phrasing_shares"] == [0.5, 1.0] and columns["correct_share"] == 0.75
    assert columns["correct"] == [True, False, True, True] and len(columns["reasons"]) == 4
    assert (columns["unparsed"], columns["truncated"]) == (1, 0)
    assert set(columns) <= set(step.columns_written())


def test_a_question_in_chinese_is_phrased_in_chinese(tmp_path):
    step = phrased_step(2, model="student")
    row = problem(answer=None, reasoning=None, language="zh")
    _, engine = go(tmp_path, step, row, student=["861", "861"])
    assert engine.questions("student")[1] == CHINESE[1].replace(MARK, row.instruction)


def test_a_question_with_braces_is_put_as_it_stands():
    row = problem(messages=[{"role": "system", "content": "s"}, {"role": "user", "content": "What is {question}?"}])
    assert phrased(row, ENGLISH[3]).messages[1]["content"] == "Question: What is {question}?\nAnswer:"
    assert row.instruction == "What is {question}?"


def test_one_phrasing_is_the_plain_step_so_that_nothing_is_asked_again():
    assert type(Questions(name="b", source=SOURCE).step("m", "plain")) is BenchmarkStep  # type: ignore[arg-type]
    step = Questions(name="b", source=SOURCE, phrasings=3).step("m", "plain")  # type: ignore[arg-type]
    assert isinstance(step, PhrasedStep) and step.phrasings == ENGLISH[:3]


@pytest.mark.parametrize("phrasings", [0, 6, ["What?"], []])
def test_phrasings_that_cannot_be_are_refused(phrasings):
    with pytest.raises(ValidationError, match="phrasings"):
        Questions(name="b", source=SOURCE, phrasings=phrasings)  # type: ignore[arg-type]
