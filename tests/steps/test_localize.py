"""The same task in another language, with other content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.rows import Row
from distilray.steps.localize import Localize
from tests.support.planted import go

LOCAL = "春节期间去亲戚家拜年,第一次见对象的父母,应该带什么礼物?"
STEP = Localize(model="teacher", into={"en": "zh"}, checker="judge")


def row(language: str = "en", **columns) -> Row:
    messages = [{"role": "user", "content": "What should I bring to a Thanksgiving dinner at a friend's house?"}]
    return Row({"id": "s/a:1", "language": language, "task": "common sense", "messages": messages, **columns})


def said(text: str) -> str:
    return json.dumps({"instruction": text}, ensure_ascii=False)


def test_the_new_row_is_in_the_other_language_and_asked_for_in_it(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, STEP, row(), teacher=[said(LOCAL)], judge=["common sense", "other"])
    [child] = outcome.children
    assert (child.language, child.task, child.instruction) == ("zh", "common sense", LOCAL)
    assert child.id == "s/a:1/localize.0"
    assert outcome.columns == {"localized": 1, "localize_problem": None}
    system = engine.asked[0][1].messages[0]["content"]
    assert "(common sense)" in system and "不是翻译" in system
    assert "中" in engine.asked[1][1].messages[0]["content"]  # the task of the new one, too


@pytest.mark.parametrize(
    ("reply", "judged", "problem"),
    [
        ("What should I bring to a dinner with my parents in law?", [], "another language"),
        ("去朋友家吃感恩节晚餐应该带什么?", ["common sense", "same"], "same content"),
        ("请写一首关于春节的诗,要押韵。", ["writing"], "another task"),
    ],
)
def test_a_bad_reply_is_tried_again_and_its_reason_is_kept(
    tmp_path: Path, reply: str, judged: list[str], problem: str
) -> None:
    outcome, engine = go(tmp_path, STEP, row(), teacher=[said(reply)] * 2, judge=judged * 2)
    assert (outcome.kind, outcome.children) == ("kept", ())
    assert outcome.columns == {"localized": 0, "localize_problem": problem}
    seeds = [request.seed for model, request in engine.asked if model == "teacher"]
    assert len(set(seeds)) == 2
    again, _ = go(
        tmp_path / "again",
        STEP,
        row(),
        teacher=[said(reply), said(LOCAL)],
        judge=[*judged, "common sense", "other"],
    )
    assert len(again.children) == 1


def test_rows_in_other_languages_are_left_alone(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, STEP, row("zh"), teacher=[], judge=[])
    assert outcome.apply(row("zh")) == row("zh") and outcome.children == () and engine.asked == []


def test_both_directions_can_be_asked_for(tmp_path: Path) -> None:
    step = Localize(model="teacher", into={"en": "zh", "zh": "en"})
    outcome, engine = go(tmp_path, step, row("zh"), teacher=[said("How much do you tip a barber in Chicago?")])
    assert outcome.children[0].language == "en"
    assert "English" in engine.asked[0][1].messages[0]["content"]


def test_the_next_round_goes_on_with_other_ids(tmp_path: Path) -> None:
    step = Localize(model="teacher", into={"en": "zh"})
    outcome, _ = go(tmp_path, step, row(localized=1), teacher=[said(LOCAL)])
    assert [child.id for child in outcome.children] == ["s/a:1/localize.1"]


@pytest.mark.parametrize("into", [{}, {"en": "Chinese"}, {"english": "zh"}])
def test_languages_are_codes(into: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="into"):
        Localize(model="teacher", into=into)


def test_where_a_balance_asked_for_some_so_many_are_made_unlike_one_another(tmp_path: Path) -> None:
    other = "清明节扫墓的时候,小孩子可以一起去吗?有哪些讲究?"
    step = Localize(model="teacher", into={"en": "zh"}, tries=1)
    outcome, _ = go(tmp_path, step, row(to_localize=2), teacher=[said(LOCAL), said(other)])
    assert [child.instruction for child in outcome.children] == [LOCAL, other]
    assert [child.id for child in outcome.children] == ["s/a:1/localize.0", "s/a:1/localize.1"]
    assert {child["to_localize"] for child in outcome.children} == {0}
    outcome, _ = go(tmp_path / "same", step, row(to_localize=2), teacher=[said(LOCAL)] * 2)
    assert (len(outcome.children), outcome.columns["localize_problem"]) == (1, "near-copy")
    outcome, engine = go(tmp_path / "none", step, row(to_localize=0), teacher=[])
    assert outcome.children == () and engine.asked == []


def test_every_child_demonstrates_the_part(tmp_path: Path) -> None:
    step = Localize(model="teacher", into={"en": "zh"})
    outcome, engine = go(tmp_path, step, row(), teacher=[said(LOCAL)])
    [demonstration] = step.demonstrations(outcome.children[0], row())
    assert demonstration.messages() == engine.asked[0][1].messages
    assert demonstration.reply == said(LOCAL) and demonstration.objection() is None
    assert list(step.demonstrations(row(), None)) == []
