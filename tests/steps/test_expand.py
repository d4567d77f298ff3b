"""New instructions from one: each in its language, of its task, and like no other."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.models import BadReply, LabelReply
from distilray.rows import Row
from distilray.steps.expand import Expand
from tests.support.planted import go

SEED = "Explain why the sky over a large city looks orange at night."
LAKE = "Describe how a lake freezes from its surface down to the ground."
BREAD = "Tell me what yeast does while a loaf of bread rises in the oven."


def row(**columns) -> Row:
    messages = [{"role": "user", "content": SEED}]
    return Row({"id": "s/a:1", "source": "s", "language": "en", "task": "physics", "messages": messages, **columns})


def listed(*texts: str) -> str:
    return json.dumps({"instructions": texts}, ensure_ascii=False)


def test_every_new_instruction_becomes_a_row_and_the_row_stays(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, Expand(model="teacher", n=2), row(answer="Dust."), teacher=[listed(LAKE, BREAD)])
    assert outcome.kind == "kept"
    assert outcome.apply(row(answer="Dust."))["answer"] == "Dust."
    assert [child.instruction for child in outcome.children] == [LAKE, BREAD]
    assert [child.id for child in outcome.children] == ["s/a:1/expand.0", "s/a:1/expand.1"]
    assert all(child["parent"] == "s/a:1" and child["answer"] is None for child in outcome.children)
    assert outcome.columns == {"expanded": 2, "expand_problems": []}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SEED.replace("orange", "Red"), "near-copy"),  # of its parent
        (LAKE.upper(), "near-copy"),  # of its sibling
        ("Name one of the many reasons for rain.", "near-copy"),  # of an example
        ("请解释湖水为什么会结冰。", "another language"),
        ("Why", "too short"),
        ("Why? " * 900, "too long"),
    ],
)
def test_what_is_no_new_instruction_is_dropped_with_its_reason(tmp_path: Path, text: str, problem: str) -> None:
    step = Expand(model="teacher", examples=("Name one of the many reasons for rain.",))
    outcome, _ = go(tmp_path, step, row(), teacher=[listed(LAKE, text, BREAD)])
    assert [child.instruction for child in outcome.children] == [LAKE, BREAD]
    assert outcome.columns == {"expanded": 2, "expand_problems": [problem]}
    assert outcome.children[1].id == "s/a:1/expand.1"


def test_a_checker_names_the_task_and_compares_the_content(tmp_path: Path) -> None:
    verdicts = ["physics", "other", "writing", "physics", "same"]
    texts = listed(LAKE, BREAD, "What makes night skies above towns glow in warm colours?")
    outcome, engine = go(tmp_path, Expand(model="teacher", checker="judge"), row(), teacher=[texts], judge=verdicts)
    assert [child.instruction for child in outcome.children] == [LAKE]
    assert outcome.columns["expand_problems"] == ["another task", "same content"]
    assert engine.questions("judge")[0] == LAKE  # the task of the new one alone, without its parent
    assert SEED in engine.questions("judge")[1]
    assert engine.unsaid() == {}


def test_a_classifier_can_name_the_task_instead(tmp_path: Path) -> None:
    labels = [LabelReply("physics", {"physics": log(0.9)}, 3), LabelReply("law", {"law": log(0.9)}, 3)]
    step = Expand(model="teacher", classifier="tasks")
    outcome, engine = go(tmp_path, step, row(answer="Dust."), teacher=[listed(LAKE, BREAD)], tasks=labels)
    assert [child.instruction for child in outcome.children] == [LAKE]
    assert engine.asked[1][1].parts == {"conversation": LAKE}
    assert step.classifier_settings() == {"classifier"}


def test_a_task_that_is_no_task_type_is_not_checked(tmp_path: Path) -> None:
    step = Expand(model="teacher", checker="judge")
    outcome, _ = go(tmp_path, step, row(task="sky"), teacher=[listed(LAKE)], judge=["other"])
    assert len(outcome.children) == 1


def test_more_than_were_asked_for_are_not_used(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, Expand(model="teacher", n=1), row(), teacher=[listed(LAKE, BREAD)])
    assert [child.instruction for child in outcome.children] == [LAKE]
    assert "make 1 new ones" in engine.asked[0][1].messages[0]["content"]


def test_the_next_round_goes_on_with_other_ids(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, Expand(model="teacher"), row(expanded=2), teacher=[listed(LAKE)])
    assert [child.id for child in outcome.children] == ["s/a:1/expand.2"]
    assert outcome.columns["expanded"] == 3


def test_a_list_that_is_no_json_is_asked_again_and_then_fails(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, Expand(model="teacher"), row(), teacher=[f"1. {LAKE}", listed(LAKE)])
    assert len(outcome.children) == 1
    with pytest.raises(BadReply, match="expected one JSON object"):
        go(tmp_path / "again", Expand(model="teacher"), row(), teacher=["1. Name a lake."] * 3)


def test_guidance_may_be_given_for_each_language(tmp_path: Path) -> None:
    step = Expand(model="teacher", guidance={"en": "Ask about daily life.", "zh": "多问日常生活。"})
    for language, said in (("en", "Ask about daily life."), ("zh", "多问日常生活。"), ("fr", None)):
        assert step.guided(language) == said
    assert Expand(model="teacher", guidance="Be brief.").guided("zh") == "Be brief."
    _, engine = go(tmp_path, step, row(), teacher=[listed(LAKE)])
    assert "Ask about daily life." in engine.asked[0][1].messages[0]["content"]


def test_columns_that_a_child_takes_over_are_read_and_none_is_a_core_one(tmp_path: Path) -> None:
    step = Expand(model="teacher", inherit=("level",))
    assert step.columns_read() == {"messages", "level"}
    outcome, _ = go(tmp_path, step, row(level=4), teacher=[listed(LAKE)])
    assert outcome.children[0]["level"] == 4
    with pytest.raises(ValidationError, match="'answer' is a core column"):
        Expand(model="teacher", inherit=("answer",))


def test_a_recipe_knows_the_prompts() -> None:
    def names(**settings) -> list[str]:
        return [prompt.name for prompt in Expand(model="teacher", **settings).prompts_used()]

    assert names() == ["expand"]
    assert names(checker="judge") == ["expand", "classify_task", "compare_content"]
    assert names(checker="judge", classifier="tasks") == ["expand", "compare_content"]


def test_where_a_balance_asked_for_some_so_many_are_made_and_none_of_the_children(tmp_path: Path) -> None:
    outcome, engine = go(tmp_path, Expand(model="teacher"), row(to_expand=1), teacher=[listed(LAKE, BREAD)])
    [child] = outcome.children
    assert "make 1 new ones" in engine.asked[0][1].messages[0]["content"]
    outcome, engine = go(tmp_path / "child", Expand(model="teacher"), child, teacher=[])
    assert outcome.children == () and engine.asked == []
    outcome, engine = go(tmp_path / "none", Expand(model="teacher"), row(to_expand=0), teacher=[])
    assert outcome.apply(row(to_expand=0)) == row(to_expand=0) and engine.asked == []


def test_every_child_demonstrates_the_part(tmp_path: Path) -> None:
    step = Expand(model="teacher", n=1, guidance="Be brief.")
    outcome, engine = go(tmp_path, step, row(), teacher=[listed(LAKE)])
    [demonstration] = step.demonstrations(outcome.children[0], row())
    assert demonstration.messages() == engine.asked[0][1].messages
    assert demonstration.reply == listed(LAKE) and demonstration.objection() is None
    assert list(step.demonstrations(row(), None)) == []
