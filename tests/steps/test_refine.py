"""A better instruction in a row's place, or the one it had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.rows import Row, content_hash
from distilray.steps.refine import Refine
from tests.support.planted import go

ASKED = "Tell me about rivers."
BETTER = "Compare the Nile and the Amazon in length, discharge and climate, in a table of three rows."


def row(**columns) -> Row:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": ASKED}]
    values = {
        "id": "s/a:1",
        "language": "en",
        "task": "others",
        "messages": messages,
        "answer": "Wet.",
        "reference": "x",
    }
    return Row(values | columns)


def said(text: str) -> str:
    return json.dumps({"instruction": text}, ensure_ascii=False)


def test_the_new_instruction_takes_the_place_and_the_old_answer_goes(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, Refine(model="teacher", aims=("constraints",)), row(), teacher=[said(BETTER)])
    after = outcome.apply(row())
    assert after.messages == [row().messages[0], {"role": "user", "content": BETTER}]
    assert (after["answer"], after["reference"], after["refined_from"]) == (None, None, ASKED)
    assert (after["refine_aim"], after["refine_problem"]) == ("constraints", None)
    assert after["content_hash"] == content_hash(after.messages)
    assert "requirements that anybody can check" in engine.asked[0][1].messages[0]["content"]


@pytest.mark.parametrize(
    ("text", "judged", "problem"),
    [
        (ASKED, [], "near-copy"),
        ("请比较尼罗河与亚马孙河。", [], "another language"),
        (BETTER, ["math"], "another task"),
    ],
)
def test_one_that_is_not_taken_leaves_the_row_as_it_was(
    tmp_path: Path, text: str, judged: list[str], problem: str
) -> None:
    step = Refine(model="teacher", aims=("depth",), checker="judge")
    outcome, _ = go(tmp_path, step, row(), teacher=[said(text)], judge=judged)
    assert (outcome.kind, outcome.columns) == ("kept", {"refine_aim": "depth", "refine_problem": problem})


def test_the_content_may_stay_so_that_it_is_not_compared(tmp_path: Path) -> None:
    step = Refine(model="teacher", checker="judge")
    outcome, engine = go(tmp_path, step, row(), teacher=[said(BETTER)], judge=["others"])
    assert outcome.columns["refined_from"] == ASKED
    assert engine.models() == ["teacher", "judge"]


def test_every_aim_gets_its_share_and_a_row_always_the_same(tmp_path: Path) -> None:
    aims = []
    for k in range(40):
        for again in range(2):
            outcome, _ = go(tmp_path / f"{k}-{again}", Refine(model="teacher"), row(id=f"r{k}"), teacher=[said(BETTER)])
            aims.append(outcome.columns["refine_aim"])
    assert aims[::2] == aims[1::2]
    assert set(aims) == {"clarity", "constraints", "depth", "reasoning"}


def test_a_share_of_the_rows_is_refined_and_always_the_same(tmp_path: Path) -> None:
    step, refined = Refine(model="teacher", share=0.3), set[int]()
    for again in range(2):
        for k in range(60):
            outcome, _ = go(tmp_path / f"{again}-{k}", step, row(id=f"r{k}"), teacher=[said(BETTER)])
            assert outcome.kind == "kept"
            refined ^= {k} if outcome.columns else set()
        if not again:
            assert 8 <= len(refined) <= 30
    assert not refined  # the second time took back exactly what the first one had


def test_in_the_rounds_of_a_repeat_a_row_is_refined_once(tmp_path: Path) -> None:
    once, ever = Refine(model="teacher", once=True), Refine(model="teacher")
    first, _ = go(tmp_path / "1", once, row(), teacher=[said(BETTER)])
    after = first.apply(row())
    second, engine = go(tmp_path / "2", once, after, teacher=[])
    assert second.apply(after) == after and engine.asked == []
    third, _ = go(tmp_path / "3", ever, after, teacher=[said(f"{BETTER} Name your sources.")])
    assert third.columns["refined_from"] == BETTER


def test_an_instruction_that_was_refined_demonstrates_the_part(tmp_path: Path) -> None:
    step = Refine(model="teacher", aims=("depth",))
    outcome, engine = go(tmp_path, step, row(), teacher=[said(BETTER)])
    [demonstration] = step.demonstrations(outcome.apply(row()), None)
    assert demonstration.messages() == engine.asked[0][1].messages
    assert demonstration.reply == said(BETTER) and demonstration.objection() is None
    assert list(step.demonstrations(row(), None)) == []
