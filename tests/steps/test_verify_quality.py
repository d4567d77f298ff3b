"""The last look: what leaves, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.models import BadReply
from distilray.steps.verify_quality import VerifyQuality
from tests.support.planted import go, problem


def found(instruction: int = 9, answer: int = 9, *problems: str) -> str:
    said = {"reasons": "looked", "problems": problems, "instruction": instruction, "answer": answer}
    return json.dumps(said)


def test_a_good_row_stays_with_the_reasons(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, VerifyQuality(model="judge"), problem(), judge=[found(7, 8)])
    assert outcome.kind == "kept"
    assert outcome.columns == {
        "quality_reasons": "looked",
        "quality_problems": [],
        "instruction_quality": 7,
        "answer_quality": 8,
    }
    assert engine.questions("judge")[0].endswith("answer: 861")


@pytest.mark.parametrize(
    ("reply", "settings", "reason"),
    [
        (found(9, 9, "wrong", "phrases"), {}, "wrong"),
        (found(9, 9, "phrases"), {}, "phrases"),
        (found(4, 9), {}, "instruction below 5"),
        (found(9, 6), {}, "answer below 7"),
        (found(9, 8), {"answer_at": 9}, "answer below 9"),
        (found(9, 9, "phrases", "unsafe"), {"tolerated": ["phrases"]}, "unsafe"),
    ],
)
def test_a_fault_or_a_low_score_rejects_and_says_which(tmp_path: Path, reply: str, settings: dict, reason: str) -> None:
    step = VerifyQuality.model_validate({"model": "judge", **settings})
    outcome, _ = go(tmp_path, step, problem(), judge=[reply])
    assert (outcome.kind, outcome.reason) == ("rejected", reason)
    assert outcome.columns["quality_reasons"] == "looked"


def test_a_tolerated_fault_is_noted_and_rejects_nothing(tmp_path: Path) -> None:
    step = VerifyQuality(model="judge", tolerated=("phrases",))
    outcome, _ = go(tmp_path, step, problem(), judge=[found(9, 9, "phrases")])
    assert (outcome.kind, outcome.columns["quality_problems"]) == ("kept", ["phrases"])


def test_a_judge_that_does_not_parse_fails_the_row(tmp_path: Path) -> None:
    with pytest.raises(BadReply, match="verify_quality: expected one JSON object"):
        go(tmp_path, VerifyQuality(model="judge"), problem(), judge=["Fine."] * 3)


def test_a_row_without_an_answer_and_an_unknown_fault_are_refused(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, VerifyQuality(model="judge"), problem(answer=None), judge=[])
    assert (outcome.kind, outcome.reason) == ("rejected", "no answer")
    with pytest.raises(ValidationError, match="tolerated"):
        VerifyQuality.model_validate({"model": "judge", "tolerated": ["ugly"]})
