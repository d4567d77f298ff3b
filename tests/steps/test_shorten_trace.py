"""Long to short: the condensed trace alone, its steps kept, its answer kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.steps.shorten_trace import ShortenTrace
from tests.support.planted import GOOD, LONG, WRONG, go, problem

SHORTEN = ShortenTrace(model="rewriter")


def test_the_condensed_trace_takes_the_place_of_the_long_one(tmp_path: Path) -> None:
    row = problem()
    outcome, _ = go(tmp_path, SHORTEN, row, rewriter=[GOOD])
    left = outcome.apply(row)
    assert (left["reasoning"], left["long_trace"], left["answer"]) == (GOOD, LONG, "answer: 861")
    assert left["verdict"] == "861 equals 861"


def test_a_rewrite_that_loses_the_answer_is_tried_again(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, SHORTEN, problem(), rewriter=[WRONG, GOOD])
    assert outcome.columns["reasoning"] == GOOD
    first, second = (request for _, request in engine.asked)
    assert first.seed != second.seed


def test_a_rewriter_that_keeps_losing_the_answer_loses_the_row(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, SHORTEN, problem(), rewriter=[WRONG, WRONG])
    assert (outcome.kind, outcome.reason) == ("rejected", "wrong answer")
    assert outcome.columns["verdict"] == "851 is not 861"


def test_steps_that_were_run_together_are_not_taken(tmp_path: Path) -> None:
    together = GOOD.replace("\n\n", "\n")
    outcome, _ = go(tmp_path, SHORTEN, problem(), rewriter=[together, together])
    assert (outcome.kind, outcome.reason) == ("rejected", "steps run together")


def test_a_rewrite_that_is_no_shorter_leaves_the_trace_as_it_was(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, SHORTEN, problem(reasoning=GOOD), rewriter=[LONG])
    assert outcome.columns["reasoning"] == GOOD


def test_commentary_around_the_trace_is_refused(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, SHORTEN, problem(), rewriter=[f"Here is the condensed trace:\n\n{GOOD}", GOOD])
    assert outcome.columns["reasoning"] == GOOD
    assert len(engine.asked) == 2


def test_code_is_verified_by_running_its_tests(tmp_path: Path) -> None:
    row = problem(
        task="code generation",
        reference='["assert add(2, 3) == 5"]',
        reasoning=None,
        answer="First think.\n\nThen think again.\n\n```python\ndef add(a, b):\n    return a + b\n```",
    )
    wrong = "Think.\n\n```python\ndef add(a, b):\n    return a - b\n```"
    right = "Think.\n\n```python\ndef add(a, b):\n    return a + b\n```"
    outcome, engine = go(tmp_path, SHORTEN, row, rewriter=[wrong, right])
    assert outcome.columns["answer"] == right
    assert "assert add" not in engine.questions("rewriter")[0]


def test_symbolic_maths_is_compared_as_maths(tmp_path: Path) -> None:
    row = problem(reference="\\frac{1}{2}x", reasoning=LONG, answer="x/2")
    short = "Halve x.\n\nThe answer is $\\frac{x}{2}$."
    outcome, _ = go(tmp_path, SHORTEN, row, rewriter=[short])
    assert outcome.columns["reasoning"] == short


def test_above_needs_a_tokenizer_to_count_with() -> None:
    with pytest.raises(ValidationError, match="name its checkpoint in `tokenizer`"):
        ShortenTrace(model="rewriter", above=500)


def test_a_folder_without_a_tokenizer_is_refused_when_the_recipe_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no tokenizer"):
        ShortenTrace(model="rewriter", tokenizer=str(tmp_path))


@pytest.mark.slow  # transformers takes seconds to import
def test_tokens_are_those_of_the_student(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from distilray.checkpoints import resolve_path

    package = "package://distilray.practice/checkpoints/teacher"
    tokenizer = AutoTokenizer.from_pretrained(resolve_path(package))
    step = ShortenTrace(model="rewriter", tokenizer=package, above=10)
    outcome, _ = go(tmp_path, step, problem(), rewriter=[GOOD])
    assert outcome.columns["trace_tokens_before"] == len(tokenizer.encode(LONG))
    assert outcome.columns["trace_tokens_after"] == len(tokenizer.encode(GOOD))
    short = step.model_copy(update={"above": 1000})
    outcome, engine = go(tmp_path / "other", short, problem(), rewriter=[])
    assert outcome.kind == "kept" and engine.asked == []
