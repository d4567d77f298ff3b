"""Reasoning and result apart, where a teacher wrote both into one text."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.steps.inline_trace import InlineTrace
from distilray.steps.separate_trace import SeparateTrace
from tests.support.planted import GOOD, go, problem


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        (GOOD, GOOD.removesuffix("\n\nanswer: 861"), "answer: 861"),
        ("先算个位。\n\n再算十位。\n\n答案: 861", "先算个位。\n\n再算十位。", "答案: 861"),
        ("Add.\n\nSo the answer is 861.\n\nThat is all.", "Add.", "So the answer is 861.\n\nThat is all."),
    ],
)
def test_what_states_the_result_is_the_answer_and_the_rest_its_reasoning(
    tmp_path: Path, text: str, reasoning: str, answer: str
) -> None:
    row = problem(reasoning=None, answer=text)
    outcome, _ = go(tmp_path, SeparateTrace(), row)
    after = outcome.apply(row)
    assert (after["reasoning"], after["answer"]) == (reasoning, answer)


def test_inline_trace_puts_together_what_it_took_apart(tmp_path: Path) -> None:
    row = problem(reasoning=None, answer=GOOD)
    apart = go(tmp_path, SeparateTrace(), row)[0].apply(row)
    assert go(tmp_path, InlineTrace(), apart)[0].apply(apart)["answer"] == GOOD


def test_reasoning_that_is_apart_already_stays(tmp_path: Path) -> None:
    row = problem()
    outcome, _ = go(tmp_path, SeparateTrace(), row)
    assert outcome.apply(row) == row


@pytest.mark.parametrize("text", ["861", "", None])
def test_an_answer_without_steps_is_rejected(tmp_path: Path, text: str | None) -> None:
    outcome, _ = go(tmp_path, SeparateTrace(), problem(reasoning=None, answer=text))
    assert outcome.kind == "rejected"
    assert outcome.reason == ("nothing before its conclusion" if text else "no answer")
