"""Demonstrations: asked with the very words of the step, and with replies that its parser reads back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distilray.prompts import JUDGE, RATE_TRACE, SHORTEN_TRACE
from distilray.rows import Row
from distilray.steps import STEPS, Demonstration, Step
from distilray.steps.align_trace import AlignTrace
from distilray.steps.inline_trace import InlineTrace
from distilray.steps.judge import Judge
from distilray.steps.rate_trace import RateTrace
from distilray.steps.shorten_trace import ShortenTrace
from tests.support.planted import GOOD, LONG, SHORT, Planted, go, problem

JUDGED = '{"check": "2+9=11 ok", "accuracy": 9, "relevance": 8, "helpfulness": 7, "detail": 6}'


def after(tmp_path: Path, step: Step, row: Row, **scripts: Any) -> tuple[Row, Planted]:
    outcome, engine = go(tmp_path, step, row, **scripts)
    assert outcome.kind == "kept"
    return outcome.apply(row), engine


def asked_of(engine: Planted, model: str) -> list[Any]:
    return [request.messages for name, request in engine.asked if name == model]


@pytest.mark.parametrize("reasoning", [LONG, None])
def test_a_shortened_trace_teaches_what_was_asked_and_replied(tmp_path: Path, reasoning: str | None) -> None:
    row = problem(reasoning=reasoning, answer="answer: 861" if reasoning else LONG)
    step = ShortenTrace(model="big")
    row, engine = after(tmp_path, step, row, big=[GOOD])
    [demonstration] = step.demonstrations(row, None)
    assert [demonstration.messages()] == asked_of(engine, "big")
    assert (demonstration.prompt.name, demonstration.reply) == ("shorten_trace", GOOD)


def test_lessons_stay_true_when_a_later_step_rewrites_the_row(tmp_path: Path) -> None:
    step = ShortenTrace(model="big")
    row, engine = after(tmp_path, step, problem(), big=[GOOD])
    row, _ = after(tmp_path, InlineTrace(), row)
    [demonstration] = step.demonstrations(row, None)
    assert [demonstration.messages()] == asked_of(engine, "big")
    assert demonstration.reply == GOOD


def test_a_trace_that_stayed_as_it_was_teaches_nothing(tmp_path: Path) -> None:
    step = ShortenTrace(model="big")
    row, _ = after(tmp_path, step, problem(reasoning=GOOD), big=[LONG])
    assert list(step.demonstrations(row, None)) == []


def test_an_aligned_trace_teaches_its_ratings_and_the_rewrites_that_came_out_medium(tmp_path: Path) -> None:
    step = AlignTrace(judge="judge", rewriter="big")
    row, engine = after(tmp_path, step, problem(), judge=["hard", "easy", "medium"], big=[SHORT, GOOD])
    demonstrations = list(step.demonstrations(row, None))
    assert [(demonstration.prompt.name, demonstration.reply) for demonstration in demonstrations] == [
        ("rate_trace", "hard"), ("rate_trace", "easy"), ("extend_trace", GOOD), ("rate_trace", "medium"),
    ]  # fmt: skip
    rated = [demonstration.messages() for demonstration in demonstrations if demonstration.prompt is RATE_TRACE]
    assert rated == asked_of(engine, "judge")
    assert demonstrations[2].messages() == asked_of(engine, "big")[1]


def test_a_pair_made_of_an_aligned_row_teaches_nothing_again() -> None:
    child = problem(parent="gsm8k/train.jsonl:1", traces=None, ratings=["hard", "medium"])
    assert list(AlignTrace(judge="j", rewriter="r").demonstrations(child, None)) == []


def test_ratings_that_a_student_had_a_word_in_are_not_the_judges_to_learn() -> None:
    row = problem(traces=[LONG, GOOD], ratings=["hard", "medium"], conclusion="861")
    demonstrations = AlignTrace(judge="j", rewriter="r", student="s").demonstrations(row, None)
    assert [demonstration.prompt.name for demonstration in demonstrations] == ["shorten_trace"]


def test_ratings_and_judgements_teach_too(tmp_path: Path) -> None:
    for step, prompt, said in ((RateTrace(model="m"), RATE_TRACE, "hard"), (Judge(model="m"), JUDGE, JUDGED)):
        row, engine = after(tmp_path, step, problem(), m=[said])
        [demonstration] = step.demonstrations(row, None)
        assert [demonstration.messages()] == asked_of(engine, "m")
        assert prompt.parse(demonstration.reply) == prompt.parse(said)
        assert demonstration.objection() is None


def test_a_reply_that_the_parser_would_refuse_is_told(tmp_path: Path) -> None:
    demonstration = Demonstration(SHORTEN_TRACE, problem(), {"trace": LONG, "answer": None}, "Sure, here it is:\n861")
    assert "preamble" in (demonstration.objection() or "")


def test_every_step_that_teaches_says_which_columns_it_needs_and_writes() -> None:
    teaching = {name: cls for name, cls in STEPS.items() if issubclass(cls, Step) and cls.has_demonstrations()}
    made = {"expand", "localize", "refine", "rewrite"}
    assert set(teaching) == {"align_trace", "judge", "rate_trace", "shorten_trace", *made}
    for name, cls in teaching.items():
        assert cls.demonstration_columns, name
        assert set(cls.demonstration_columns) <= {*cls.writes, "answer", "reasoning", "task", "language"}, name
