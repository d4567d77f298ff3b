"""Steps take the planted model's good replies and find the faults of its bad ones."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from distilray.ledger import ReplyLog
from distilray.models import GenerateRequest, Reply, Sampling
from distilray.practice import PlantedModel, problems
from distilray.practice.arithmetic import in_other_words, read_problem
from distilray.practice.planted.model import PlantedEngine
from distilray.practice.planted.replies import REPLIES
from distilray.practice.worked import draw_trace, medium
from distilray.prompts import ANSWER
from distilray.rows import Outcome, Row
from distilray.runner.row_models import ModelAccess, RowUsage
from distilray.steps import (
    ClassifyTask,
    Expand,
    FollowUp,
    Judge,
    Localize,
    Refine,
    Rewrite,
    Step,
    Synthesize,
    VerifyQuality,
)
from distilray.steps.synthesize import BLANK
from distilray.storage import Store

ROWS = 40
TEACHER = "package://distilray.practice/checkpoints/teacher"


class Client:
    """The engine, without a pool."""

    def __init__(self, **wrong: float) -> None:
        self.models = {name: PlantedModel(wrong=share) for name, share in wrong.items()}
        self.engines = {name: PlantedEngine(f"{name}/0", model) for name, model in self.models.items()}

    async def ask(self, model: str, request: GenerateRequest) -> list[Reply]:
        return await self.engines[model].generate(None, request)


def rows(wrong: bool = False) -> list[Row]:
    made = []
    for k, record in enumerate(problems(ROWS, seed=5)):
        problem = read_problem(record["messages"][0]["content"])
        assert problem is not None and str(problem.result) == record["reference"]
        trace = draw_trace(problem, "medium", random.Random(k), "column") if wrong else medium(problem)
        made.append(Row({"id": f"p:{k}", "source": "p", **record, "answer": trace.text}))
    return made


def outcomes(folder: Path, step: Step, asked: list[Row], wrong: float) -> list[Outcome]:
    """What ``step`` makes of the rows; the model ``writer`` is wrong so often, ``checker`` never."""
    client = Client(writer=wrong, checker=0.0)
    access = ModelAccess(client, client.models, seed=0)  # type: ignore[arg-type]
    log = ReplyLog(Store(str(folder)), "phase", "unit")
    return [asyncio.run(step.process(row, access.models_for(row, "step", log, RowUsage()))) for row in asked]


STEPS = {
    "expand": (Expand(model="writer", n=1, checker="checker"), "expand_problems", ["near-copy"]),
    "localize": (
        Localize(model="writer", into={"en": "zh", "zh": "en"}, checker="checker"), "localize_problem",
        "another language",
    ),
    "refine": (Refine(model="writer", checker="checker"), "refine_problem", "another language"),
    "follow_up": (
        FollowUp(model="writer", checker="checker", turns=1), "follow_up_problem", "its quote is not in the answer"
    ),
    "rewrite": (Rewrite(model="writer", checker="checker"), "rewrite_problem", "another result"),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_good_replies_are_taken_and_the_faults_of_bad_ones_are_found(name: str, tmp_path: Path) -> None:
    step, column, fault = STEPS[name]
    good = outcomes(tmp_path / "good", step, rows(), 0.0)
    # A new problem may be worded as its parent is, about the same things: then it is dropped as a near-copy.
    assert sum(not outcome.columns.get(column) for outcome in good) >= 0.85 * ROWS
    bad = outcomes(tmp_path / "bad", step, rows(), 1.0)
    assert [outcome.columns[column] for outcome in bad] == [fault] * ROWS


def test_instructions_from_nothing_are_problems_in_the_language_that_is_wanted(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": BLANK}]
    blank = [Row({"id": f"b:{k}", "language": ("en", "zh")[k % 2], "task": "math", "messages": messages})
             for k in range(10)]  # fmt: skip
    step = Synthesize(model="writer", tokenizer=TEACHER, judge="checker", checker="checker")
    for row, outcome in zip(blank, outcomes(tmp_path / "good", step, blank, 0.0), strict=True):
        problem = read_problem(outcome.apply(row).instruction)
        assert outcome.kind == "kept" and problem is not None and problem.language == row.language
    bad = outcomes(tmp_path / "bad", step, blank, 1.0)
    assert {(outcome.kind, outcome.reason) for outcome in bad} == {("rejected", "another language")}


def test_the_last_look_tells_right_answers_from_wrong_ones(tmp_path: Path) -> None:
    step = VerifyQuality(model="checker")
    assert {outcome.kind for outcome in outcomes(tmp_path, step, rows(), 0.0)} == {"kept"}
    assert {outcome.reason for outcome in outcomes(tmp_path, step, rows(wrong=True), 0.0)} == {"wrong"}
    assert {outcome.columns["task"] for outcome in outcomes(tmp_path, ClassifyTask(model="checker"), rows(), 0.0)} == {
        "math"
    }


def test_it_judges_by_the_truth(tmp_path: Path) -> None:
    for wrong, accuracy in ((False, 9), (True, 1)):
        found = outcomes(tmp_path / str(wrong), Judge(model="checker"), rows(wrong), 0.0)
        assert {outcome.columns["accuracy"] for outcome in found} == {accuracy}


def test_the_same_problem_in_other_words_is_the_same_problem() -> None:
    for row in rows():
        problem = read_problem(row.instruction)
        assert problem is not None
        other = in_other_words(problem, random.Random(row.id))
        again = read_problem(other.text)
        assert again == other and other.text != problem.text and other.result == problem.result
    assert read_problem("Name three rivers.") is None


def test_a_share_of_the_replies_is_wrong_and_a_seed_always_has_the_same() -> None:
    engine = PlantedEngine("writer/0", PlantedModel(wrong=0.25))
    [row, *_] = rows()
    right = medium(read_problem(row.instruction)).text  # type: ignore[arg-type]

    def texts(seed: int) -> list[str]:
        request = GenerateRequest(ANSWER.messages(row), Sampling(), seed, row.id, n=40)
        return [reply.text for reply in asyncio.run(engine.generate(None, request))]

    found = [text for seed in range(10) for text in texts(seed)]
    assert 0.18 <= sum(text != right for text in found) / len(found) <= 0.32
    assert texts(3) == texts(3) != texts(4)
    assert all(name in REPLIES for name in ("answer", "rewrite"))
