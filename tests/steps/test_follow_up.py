"""Conversations of several turns, each question resting on the answer before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.models import Reply
from distilray.rows import Row, content_hash
from distilray.steps.follow_up import FollowUp
from distilray.steps.shared.draws import draw
from tests.support.planted import go

ASKED = "Why does bread rise?"
ANSWERS = [
    "Yeast eats sugar and frees carbon dioxide, whose bubbles lift the dough.",
    "Gluten forms a net that is dense enough to hold the bubbles.",
    "Whole grain cuts that net, so less gas stays inside.",
]


def row(**columns) -> Row:
    values = {"id": "s/a:1", "source": "s", "language": "en", "messages": [{"role": "user", "content": ASKED}]}
    return Row(values | {"answer": ANSWERS[0], "reference": "gas", "score": 7.0} | columns)


def said(quote: str, question: str) -> str:
    return json.dumps({"quote": quote, "question": question}, ensure_ascii=False)


FIRST = said("whose bubbles  LIFT\nthe dough", "Why do the bubbles not simply escape?")
SECOND = said("a net", "Which flour makes a weaker one?")


def rows_with(turns: int, most: int) -> Row:
    """A row that gets ``turns`` follow-ups where ``most`` are allowed."""
    found = (row(id=f"r{k}") for k in range(1000))
    return next(one for one in found if 1 + int(draw(one, "turns") * most) == turns)


def test_question_and_answer_alternate_and_the_row_itself_stays(tmp_path: Path) -> None:
    start = rows_with(2, 2)
    replies = {"user": [FIRST, SECOND], "teacher": ANSWERS[1:], "judge": ["grounded", "grounded"]}
    step = FollowUp(model="user", answerer="teacher", checker="judge", turns=2)
    outcome, engine = go(tmp_path, step, start, **replies)
    [child] = outcome.children
    assert [turn["role"] for turn in child.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert [turn["content"] for turn in child.messages[1::2]] == ANSWERS[:2]
    assert child.instruction == "Which flour makes a weaker one?" and child["answer"] == ANSWERS[2]
    assert (child.id, child["parent"], child["source"]) == (f"{start.id}/follow_up.0", start.id, "s")
    assert child["reference"] is None and "score" not in child  # of the first question alone
    assert (child["follow_ups"], child["follow_up_quotes"][1]) == (2, "a net")
    assert child["content_hash"] == content_hash(child.messages, child["answer"])
    assert (outcome.kind, outcome.columns) == ("kept", {"conversations": 1, "follow_up_problem": None})
    assert engine.models() == ["user", "judge", "teacher", "user", "judge", "teacher"]
    assert engine.questions("user")[1].endswith(ANSWERS[1])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_there_are_from_one_to_so_many_turns(tmp_path: Path, turns: int) -> None:
    asked = [
        said("bubbles", "Why do the bubbles not simply escape?"),
        said("bubbles", "How small are they at first?"),
        said("bubbles", "Does cold dough hold more?"),
    ]
    replies = [reply for question in asked for reply in (question, "The bubbles stay.")]
    outcome, engine = go(tmp_path, FollowUp(model="teacher", turns=3), rows_with(turns, 3), teacher=replies)
    assert outcome.children[0]["follow_ups"] == turns
    assert len(engine.asked) == 2 * turns


@pytest.mark.parametrize(
    ("question", "judged", "problem"),
    [
        (said("a net of gluten", "What is it made of?"), [], "its quote is not in the answer"),
        (said("the dough", "为什么气泡不会跑掉?"), [], "another language"),
        (said("the dough", "Why does bread rise"), [], "near-copy"),
        (said("the dough", "Who baked first?"), ["outside"], "outside"),
        (said("the dough", "What lifts the dough?"), ["answered"], "answered"),
    ],
)
def test_a_question_that_does_not_rest_on_the_answer_is_tried_again_and_then_ends_it(
    tmp_path: Path, question: str, judged: list[str], problem: str
) -> None:
    step = FollowUp(model="user", answerer="teacher", checker="judge", turns=1)
    outcome, engine = go(tmp_path, step, row(), user=[question] * 2, teacher=[], judge=judged * 2)
    assert (outcome.kind, outcome.children) == ("kept", ())
    assert outcome.columns == {"conversations": 0, "follow_up_problem": problem}
    assert engine.unsaid() == {}
    replies = {"user": [question, FIRST], "teacher": [ANSWERS[1]], "judge": [*judged, "grounded"]}
    outcome, _ = go(tmp_path / "again", step, row(), **replies)
    assert len(outcome.children) == 1


def test_what_went_well_before_a_bad_question_is_kept(tmp_path: Path) -> None:
    replies = [FIRST, ANSWERS[1], *[said("nowhere", "Why?")] * 2]
    outcome, _ = go(tmp_path, FollowUp(model="teacher", turns=2), rows_with(2, 2), teacher=replies)
    [child] = outcome.children
    assert (child["follow_ups"], child["answer"]) == (1, ANSWERS[1])
    assert child["follow_up_problem"] == outcome.columns["follow_up_problem"] == "its quote is not in the answer"


def test_an_answer_that_was_cut_ends_the_conversation_before_it(tmp_path: Path) -> None:
    replies = [FIRST, Reply(ANSWERS[1], "length", 10, 10)]
    outcome, _ = go(tmp_path, FollowUp(model="teacher", turns=1), row(), teacher=replies)
    assert outcome.children == ()
    assert outcome.columns["follow_up_problem"] == "follow-up: answer cut by length"


def test_reasoning_of_the_last_answer_stays_apart_and_earlier_reasoning_goes(tmp_path: Path) -> None:
    replies = [FIRST, f"<think>\nGluten.\n</think>\n\n{ANSWERS[1]}"]
    outcome, _ = go(tmp_path, FollowUp(model="teacher", turns=1), row(reasoning="Hm."), teacher=replies)
    child = outcome.children[0]
    assert (child["reasoning"], child["answer"]) == ("Gluten.", ANSWERS[1])
    assert "Hm." not in str(child.messages)


def test_turns_that_are_not_to_be_trained_on_stay_so(tmp_path: Path) -> None:
    marked = row(extra='{"turn_weights": [1.0, 0.0], "license": "MIT"}')
    outcome, _ = go(tmp_path, FollowUp(model="teacher", turns=1), marked, teacher=[FIRST, ANSWERS[1]])
    assert json.loads(outcome.children[0]["extra"]) == {"turn_weights": [1, 0, 1], "license": "MIT"}


def test_the_row_can_be_replaced_by_its_conversation(tmp_path: Path) -> None:
    step = FollowUp(model="teacher", turns=1, parents="drop")
    outcome, _ = go(tmp_path, step, row(), teacher=[FIRST, ANSWERS[1]])
    assert (outcome.kind, outcome.reason, len(outcome.children)) == ("rejected", "replaced by its conversation", 1)


def test_only_a_share_of_the_rows_is_taken_always_the_same(tmp_path: Path) -> None:
    step = FollowUp(model="teacher", share=0.3)
    outside = next(one for k in range(100) if draw(one := row(id=f"r{k}"), "follow_up") >= 0.3)
    outcome, engine = go(tmp_path, step, outside, teacher=[])
    assert outcome.apply(outside) == outside and engine.asked == []


def test_a_row_without_an_answer_is_rejected(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, FollowUp(model="teacher"), row(answer=None), teacher=[])
    assert (outcome.kind, outcome.reason) == ("rejected", "no answer")


def test_the_next_round_goes_on_with_other_ids(tmp_path: Path) -> None:
    step = FollowUp(model="teacher", turns=1)
    outcome, _ = go(tmp_path, step, row(conversations=1), teacher=[FIRST, ANSWERS[1]])
    assert outcome.children[0].id == "s/a:1/follow_up.1"
