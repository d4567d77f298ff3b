"""Fast thinking: trace and answer in one text, nothing said twice."""

from __future__ import annotations

from pathlib import Path

from distilray.steps.inline_trace import InlineTrace
from tests.support.planted import GOOD, LONG, WRONG, go, problem


def test_an_answer_that_the_trace_ends_on_is_not_said_twice(tmp_path: Path) -> None:
    row = problem(reasoning=GOOD)
    outcome, _ = go(tmp_path, InlineTrace(), row)
    assert (outcome.apply(row)["answer"], outcome.apply(row)["reasoning"]) == (GOOD, None)


def test_an_answer_of_its_own_follows_after_a_blank_line(tmp_path: Path) -> None:
    row = problem(reasoning="Add the columns.", answer="861 apples")
    outcome, _ = go(tmp_path, InlineTrace(), row)
    assert outcome.apply(row)["answer"] == "Add the columns.\n\n861 apples"


def test_an_answer_without_a_trace_apart_stays_as_it_is(tmp_path: Path) -> None:
    row = problem(reasoning=None, answer=GOOD)
    outcome, _ = go(tmp_path, InlineTrace(), row)
    assert outcome.apply(row) == row


def test_both_sides_of_a_pair_lose_their_block(tmp_path: Path) -> None:
    row = problem(reasoning=GOOD, rejected_answer=f"<think>\n{LONG}\n</think>\n\nanswer: 861")
    outcome, _ = go(tmp_path, InlineTrace(), row)
    after = outcome.apply(row)
    assert (after["answer"], after["rejected_answer"], after["reasoning"]) == (GOOD, LONG, None)


def test_the_other_side_of_a_pair_may_have_no_block(tmp_path: Path) -> None:
    row = problem(reasoning=GOOD, rejected_answer=WRONG)
    outcome, _ = go(tmp_path, InlineTrace(), row)
    assert outcome.apply(row)["rejected_answer"] == WRONG
