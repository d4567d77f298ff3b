"""An answer in the words of a student-sized model, if it still says the same."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from distilray.models import ScoreReply
from distilray.models.scores import pack
from distilray.rows import Row
from distilray.steps.rewrite import Rewrite
from tests.support.planted import GOOD, WRONG, go, problem

PRACTICE = "package://distilray.practice/checkpoints/student_warm"
KEPT = {"check": "seen", "answer_kept": True, "facts_kept": True, "nothing_added": True}
SHORTER = "Add the ones, 2+9=11, then the tens, 8+7+1=16, then the hundreds, 4+3+1=8.\n\nanswer: 861"


def row(**columns) -> Row:
    return problem(**{"reasoning": None, "answer": GOOD} | columns)


def found(**changed: bool) -> str:
    return json.dumps(KEPT | changed)


def mean_of(probability: float) -> ScoreReply:
    """A reply in which every token has ``probability``."""
    own = np.full(3, log(probability), np.float32)
    return ScoreReply(pack(np.zeros((3, 0), np.int32), np.zeros((3, 0), np.float32), own), 9)


def test_a_rewrite_that_reaches_the_reference_takes_the_place(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, Rewrite(model="small"), row(), small=[SHORTER])
    after = outcome.apply(row())
    assert (after["answer"], after["original_answer"]) == (SHORTER, GOOD)
    assert (after["rewritten"], after["rewrite_problem"]) == (True, None)
    assert engine.questions("small")[0].endswith(GOOD)


def test_without_a_reference_the_result_that_the_original_states_counts(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, Rewrite(model="small"), row(reference=None), small=[SHORTER])
    assert outcome.columns["rewritten"] is True
    outcome, _ = go(tmp_path / "wrong", Rewrite(model="small"), row(reference=None), small=[WRONG] * 2)
    assert (outcome.columns["rewritten"], outcome.columns["rewrite_problem"]) == (False, "another result")


@pytest.mark.parametrize(
    ("reply", "problem_found"),
    [
        (WRONG, "another result"),
        (GOOD + "\n", "unchanged"),
        ("先加个位,再加十位,最后加百位,得到八百六十一个苹果。\n\n答案: 861", "another language"),
        ("Add the ones, 2+9=11, then the tens,", "stops in the middle"),
        (f"{SHORTER} " * 8, "length too different"),
    ],
)
def test_one_that_is_not_taken_twice_leaves_the_original_tagged(tmp_path: Path, reply: str, problem_found: str) -> None:
    outcome, _ = go(tmp_path, Rewrite(model="small"), row(), small=[reply] * 2)
    assert outcome.kind == "kept"
    assert outcome.columns == {
        "rewritten": False,
        "rewrite_problem": problem_found,
        "original_answer": None,
        "answer": GOOD,
    }
    outcome, _ = go(tmp_path / "again", Rewrite(model="small"), row(), small=[reply, SHORTER])
    assert outcome.columns["rewritten"] is True


OPEN = {"answer": "Rome grew because it let those it had beaten join.", "reference": None, "task": "history"}
OTHER = "Rome got bigger: whoever it beat was allowed to join it."


@pytest.mark.parametrize(
    ("verdict", "problem_found"),
    [
        ({"answer_kept": False}, "another answer"),
        ({"facts_kept": False}, "facts lost"),
        ({"nothing_added": False}, "facts added"),
    ],
)
def test_the_checker_decides_what_no_verifier_can(tmp_path: Path, verdict: dict, problem_found: str) -> None:
    step = Rewrite(model="small", checker="judge")
    outcome, engine = go(tmp_path, step, row(**OPEN), small=[OTHER], judge=[found()])
    assert outcome.columns["answer"] == OTHER and engine.questions("judge")[0].endswith(OTHER)
    outcome, _ = go(tmp_path / "bad", step, row(**OPEN), small=[OTHER] * 2, judge=[found(**verdict)] * 2)
    assert (outcome.columns["answer"], outcome.columns["rewrite_problem"]) == (OPEN["answer"], problem_found)


def test_what_nobody_can_decide_is_not_taken(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, Rewrite(model="small"), row(**OPEN), small=[OTHER] * 2)
    assert outcome.columns["rewrite_problem"] == "cannot be verified"


def test_the_students_perplexity_is_measured_before_and_after(tmp_path: Path) -> None:
    step = Rewrite(model="small", student="student", tokenizer=PRACTICE)
    outcome, engine = go(tmp_path, step, row(), small=[SHORTER], student=[mean_of(0.25), mean_of(0.5)])
    assert outcome.columns["student_perplexity_before"] == pytest.approx(4)
    assert outcome.columns["student_perplexity_after"] == pytest.approx(2)
    before, after = (request for model, request in engine.asked if model == "student")
    start = before.positions[0]
    assert before.positions == tuple(range(start, len(before.tokens)))
    assert before.tokens[:start] == after.tokens[:start] and before.tokens != after.tokens


def test_an_original_that_stays_is_measured_once(tmp_path: Path) -> None:
    step = Rewrite(model="small", student="student", tokenizer=PRACTICE)
    outcome, _ = go(tmp_path, step, row(), small=[WRONG] * 2, student=[mean_of(0.25)])
    assert outcome.columns["student_perplexity_before"] == outcome.columns["student_perplexity_after"]


def test_perplexity_needs_the_students_tokens() -> None:
    with pytest.raises(ValidationError, match="name its checkpoint in `tokenizer`"):
        Rewrite(model="small", student="student")


def test_a_row_without_an_answer_is_rejected(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, Rewrite(model="small"), row(answer=None), small=[])
    assert (outcome.kind, outcome.reason) == ("rejected", "no answer")


def test_a_rewrite_that_was_taken_demonstrates_the_part(tmp_path: Path) -> None:
    step = Rewrite(model="small")
    outcome, engine = go(tmp_path, step, row(), small=[SHORTER])
    [demonstration] = step.demonstrations(outcome.apply(row()), None)
    assert (demonstration.messages(), demonstration.reply) == (engine.asked[0][1].messages, SHORTER)
    assert list(step.demonstrations(row(), None)) == []
