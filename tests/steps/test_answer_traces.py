"""Fresh traces from a model: reasoning and answer apart; what has no end is never used."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.models import Reply
from distilray.steps.answer import Answer
from tests.support.planted import go, problem

QUESTION = problem(reasoning=None, answer=None)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("<think>\nAdd.\n</think>\n\n861", "stop"),
        Reply("Add.\n</think>\n\n861", "stop"),
        Reply("861", "stop", reasoning="Add."),
    ],
    ids=["in a block", "block opened by the template", "set apart by the server"],
)
def test_reasoning_and_answer_lie_apart_in_the_row(tmp_path: Path, reply: Reply) -> None:
    outcome, _ = go(tmp_path, Answer(model="teacher"), QUESTION, teacher=[reply])
    assert (outcome.columns["reasoning"], outcome.columns["answer"]) == ("Add.", "861")


def test_an_answer_without_a_block_has_no_reasoning(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, Answer(model="teacher"), QUESTION, teacher=["861"])
    assert (outcome.columns["reasoning"], outcome.columns["answer"]) == (None, "861")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("<think>\nAdd", "stop"), "trace without an end"),
        (Reply("<think>\nAdd.\n</think>\n\n", "stop"), "trace without an answer after it"),
        (Reply("<think>\nAdd.\n</think>\n\n86", "length"), "answer cut by length"),
        (Reply("", "stop", reasoning="Add."), "empty answer"),
    ],
)
def test_a_trace_that_is_not_whole_is_never_used(tmp_path: Path, reply: Reply, reason: str) -> None:
    outcome, _ = go(tmp_path, Answer(model="teacher"), QUESTION, teacher=[reply])
    assert (outcome.kind, outcome.reason) == ("rejected", reason)


def test_of_several_answers_only_whole_ones_count(tmp_path: Path) -> None:
    replies = [Reply("<think>\nAdd", "stop"), Reply("<think>\nAdd.\n</think>\n\n861", "stop")]
    outcome, _ = go(tmp_path, Answer(model="teacher", n=2), QUESTION, teacher=replies)
    assert outcome.columns["answers"] == ["861"]
    assert outcome.columns["reasonings"] == ["Add."]


def test_a_trace_that_the_source_brought_can_stay(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, Answer(model="teacher", unanswered_only=True), problem(), teacher=[])
    assert outcome.apply(problem()) == problem()
    assert engine.asked == []
