"""The practice world's user asks on about a result, and its answers are right."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from benchmarks.planted.practice_user import say, worked
from benchmarks.planted.server import Asked, asked_of
from distilray.ledger import ReplyLog
from distilray.models import EchoModel, GenerateRequest, Reply
from distilray.rows import Outcome, Row
from distilray.runner import ModelAccess, RowUsage
from distilray.steps.follow_up import NOT_QUOTED, FollowUp
from distilray.storage import Store
from distilray.verifiers import numeric_equal
from tests.support.planted import problem

QUESTION = {
    "en": "Tom has 482 apples and gets 379 more. How many now?",
    "zh": "小明有482个苹果,又得到379个。现在有多少个?",
}
RESULT = {"en": "answer: {}", "zh": "答案: {}"}


def row(language: str, result: int) -> Row:
    messages = [{"role": "user", "content": QUESTION[language]}]
    return problem(
        messages=messages, language=language, reasoning=None, answer=f"482+379\n\n{RESULT[language].format(result)}"
    )


class User:
    """Says in this process what the server says."""

    async def ask(self, model: str, request: GenerateRequest) -> list[Reply]:
        return [Reply(say(asked_of({"messages": request.messages})), "stop", 1, 1)]


def followed(tmp_path: Path, given: Row) -> Outcome:
    access = ModelAccess(User(), {"user": EchoModel()}, seed=0)
    models = access.models_for(given, "follow_up", ReplyLog(Store(str(tmp_path)), "phase", "unit"), RowUsage())
    step = FollowUp(model="user", checker="user", turns=1, tries=1, parents="drop")
    return asyncio.run(step.process(given, models))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_result_is_asked_on_about_and_the_answer_is_right(tmp_path: Path, language: str) -> None:
    outcome = followed(tmp_path, row(language, 861))
    [child] = outcome.children
    assert [turn["role"] for turn in child.messages] == ["user", "assistant", "user"]
    asked = child.messages[-1]["content"]
    assert "861" in asked and child.language == language
    numbers = [int(number) for number in re.findall(r"\d+", asked)]
    assert numeric_equal(child["answer"], str(max(numbers) - min(numbers))).right


def test_a_result_that_has_not_three_digits_is_no_matter_for_a_follow_up(tmp_path: Path) -> None:
    for number, result in enumerate((1861, 42)):
        outcome = followed(tmp_path / str(number), row("en", result))
        assert outcome.kind == "kept" and not outcome.children
        assert outcome.columns["follow_up_problem"] == NOT_QUOTED


def test_what_nobody_asks_in_the_practice_world_is_refused() -> None:
    with pytest.raises(ValueError, match="no follow-up of the practice world: 'Why is the sky blue"):
        say(Asked(None, "", [{"role": "user", "content": "Why is the sky blue?"}], {}))
    assert worked("120 of those 861 are given away. How many are left?").endswith("answer: 741")
