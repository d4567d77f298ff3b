"""Instructions from nothing: the opening of a user's turn is all that the model gets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError
from transformers import AutoTokenizer

from distilray.checkpoints import resolve_path
from distilray.models import Reply
from distilray.prompts import TASKS
from distilray.rows import Row, content_hash
from distilray.sources import Source, read_batches
from distilray.steps.synthesize import BLANK, Synthesize, blank_rows
from tests.support.planted import go, problem

PRACTICE = "package://distilray.practice/checkpoints/teacher"
REQUEST = "Write a limerick about a cellist who is always late."
STEP = Synthesize(model="teacher", tokenizer=PRACTICE)


def blank(language: str = "en", task: str | None = "music") -> Row:
    messages = [{"role": "user", "content": BLANK}]
    return Row({"id": "magpie/x:1", "language": language, "task": task, "messages": messages})


def judged(**settings) -> Synthesize:
    return Synthesize(model="teacher", tokenizer=PRACTICE, judge="judge", **settings)


def test_what_the_model_goes_on_with_is_the_instruction(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, STEP, blank(), teacher=[f"{REQUEST}\n"])
    after = outcome.apply(blank())
    assert after.messages == [{"role": "user", "content": REQUEST}]
    assert (after.task, after["synthesized"], after["content_hash"]) == ("music", True, content_hash(after.messages))


@pytest.mark.parametrize(("language", "words"), [("en", 'type "music"'), ("zh", '"music"类')])
def test_it_gets_the_systems_turn_and_the_opening_of_the_users_and_nothing_else(
    tmp_path: Path, language: str, words: str
) -> None:
    _, engine = go(
        tmp_path, STEP, blank(language), teacher=[REQUEST if language == "en" else "写一首关于大提琴手的诗。"]
    )
    [(_, request)] = engine.asked
    tokenizer = AutoTokenizer.from_pretrained(resolve_path(PRACTICE))
    text = tokenizer.decode(request.tokens)
    assert text.startswith("<|im_start|>system\n") and text.endswith("<|im_start|>user\n")
    assert words in text and BLANK not in text
    assert request.stop_ids == (tokenizer.convert_tokens_to_ids("<|im_end|>"),)
    assert request.sampling.temperature == 1  # a greedy model would write the same for every row


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(REQUEST, "length", 10, 10), "cut by length"),
        ("Hi!", "too short"),
        ("Why? " * 900, "too long"),
        ("请写一首关于大提琴手的诗。", "another language"),
        ("Write a poem.<|im_start|>assistant\nRoses", "text of the template"),
        ("I'm sorry, but I cannot help with that request.", "not a request"),
    ],
)
def test_what_is_no_request_is_tried_again_and_then_the_row_leaves(
    tmp_path: Path, reply: str | Reply, reason: str
) -> None:
    outcome, engine = go(tmp_path, STEP, blank(), teacher=[reply] * 3)
    assert (outcome.kind, outcome.reason, outcome.columns["synthesized"]) == ("rejected", reason, False)
    assert len({request.seed for _, request in engine.asked}) == 3
    outcome, _ = go(tmp_path / "again", STEP, blank(), teacher=[reply, REQUEST])
    assert outcome.kind == "kept"


def test_a_judge_grades_what_is_written(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, judged(), blank(), teacher=[REQUEST] * 2, judge=["fair", "excellent"])
    assert (outcome.kind, outcome.columns["grade"]) == ("kept", "excellent")
    assert engine.questions("judge") == [REQUEST] * 2
    outcome, _ = go(tmp_path / "low", judged(tries=1), blank(), teacher=[REQUEST], judge=["poor"])
    assert (outcome.kind, outcome.reason, outcome.columns["grade"]) == ("rejected", "graded below good", "poor")
    outcome, _ = go(tmp_path / "lower", judged(grade_at="fair"), blank(), teacher=[REQUEST], judge=["fair"])
    assert outcome.kind == "kept"


def test_a_checker_names_the_task_that_was_written(tmp_path: Path) -> None:
    step = Synthesize(model="teacher", tokenizer=PRACTICE, checker="judge", tries=2)
    outcome, _ = go(tmp_path, step, blank(), teacher=[REQUEST] * 2, judge=["writing", "music"])
    assert outcome.kind == "kept"
    outcome, _ = go(tmp_path / "other", step, blank(), teacher=[REQUEST] * 2, judge=["writing"] * 2)
    assert (outcome.kind, outcome.reason) == ("rejected", "another task")


def test_rows_that_have_an_instruction_pass_unchanged(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, STEP, problem(), teacher=[])
    assert outcome.apply(problem()) == problem() and engine.asked == []


def test_blank_rows_have_languages_and_tasks_by_their_shares_and_always_the_same() -> None:
    made = list(blank_rows(2000, {"en": 3, "zh": 1}, {"math": 1, "writing": 1}))
    languages, tasks = (Counter(row[name] for row in made) for name in ("language", "task"))
    assert 1400 < languages["en"] < 1600 and 900 < tasks["math"] < 1100
    assert made == list(blank_rows(2000, {"en": 3, "zh": 1}, {"math": 1, "writing": 1}))
    assert {row["task"] for row in blank_rows(2000)} == set(TASKS)
    assert {row["task"] for row in blank_rows(9, tasks=())} == {None}
    with pytest.raises(ValueError, match="'maths' is no task type"):
        list(blank_rows(9, tasks=["maths"]))


def test_a_source_of_blank_rows_is_read_like_any_other() -> None:
    source = Source(name="magpie", uses="distilray.steps:blank_rows", **{"with": {"rows": 5, "tasks": ["music"]}})
    rows = [Row(values) for table in read_batches(source, 16) for values in table.to_pylist()]
    assert [(row.instruction, row.task) for row in rows] == [(BLANK, "music")] * 5
    assert len({row.id for row in rows}) == 5


def test_the_chat_template_is_needed() -> None:
    with pytest.raises(ValidationError, match="tokenizer"):
        Synthesize.model_validate({"model": "teacher"})
