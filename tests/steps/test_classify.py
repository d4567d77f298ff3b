"""Labels from a judge and from a classifier: which is taken, what is written, what is rejected."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.models import BadReply, LabelReply
from distilray.prompts import label_prompt, parts_of
from distilray.rows import Row
from distilray.steps import STEPS
from tests.support.planted import go, problem

Label, Classify = STEPS["label"], STEPS["classify"]
TASKS = {"maths": "numbers", "code": "programs"}


def given(**shares: float) -> LabelReply:
    """A classifier's reply."""
    ranked = dict(sorted(((label, log(share)) for label, share in shares.items()), key=lambda pair: -pair[1]))
    return LabelReply(next(iter(ranked)), ranked, 9)


def test_a_judge_chooses_among_the_labels_of_the_recipe(tmp_path: Path) -> None:
    step = Label(model="judge", labels=TASKS, into="task")
    outcome, engine = go(tmp_path, step, problem(), judge=["maths"])
    assert (outcome.kind, outcome.columns) == ("kept", {"task": "maths"})
    [(_, asked)] = engine.asked
    assert asked.constraint is not None and asked.constraint.value == ["maths", "code"]
    system, user = (message["content"] for message in asked.messages)
    assert "- maths: numbers\n- code: programs\n" in system
    assert user == problem().instruction


def test_labels_may_be_names_alone_and_the_answer_be_shown(tmp_path: Path) -> None:
    step = Label(model="judge", labels=["easy", "hard"], shows=["conversation", "answer"])
    outcome, engine = go(tmp_path, step, problem(answer="It is 861."), judge=["hard"])
    assert outcome.columns == {"label": "hard"}
    assert engine.questions("judge") == [f"[conversation]\n{problem().instruction}\n\n[answer]\nIt is 861."]
    assert step.columns_read() == {"messages", "answer"}


def test_a_reply_that_is_no_label_is_asked_again_and_then_failed(tmp_path: Path) -> None:
    step = Label(model="judge", labels=TASKS)
    outcome, _ = go(tmp_path, step, problem(), judge=["maths!", " code\n"])
    assert outcome.columns == {"label": "code"}
    with pytest.raises(BadReply, match="expected exactly one of maths, code, found 'prose'"):
        go(tmp_path / "again", step, problem(), judge=["prose"] * 3)


def test_a_classifier_that_is_sure_is_believed(tmp_path: Path) -> None:
    step = Classify(model="tasks", into="task", at_least=0.8)
    outcome, engine = go(tmp_path, step, problem(), tasks=[given(maths=0.9, code=0.1)])
    assert outcome.kind == "kept"
    assert outcome.columns == {"task": "maths", "task_probability": pytest.approx(0.9), "task_by": "classifier"}
    assert engine.asked[0][1].parts["conversation"] == problem().instruction


def test_one_that_is_not_sure_has_its_row_rejected_without_a_judge(tmp_path: Path) -> None:
    step = Classify(model="tasks", at_least=0.8)
    outcome, _ = go(tmp_path, step, problem(), tasks=[given(maths=0.6, code=0.4)])
    assert (outcome.kind, outcome.reason) == ("rejected", "classifier not sure")
    assert outcome.columns["label"] == "maths" and outcome.columns["label_probability"] == pytest.approx(0.6)


def test_or_hands_it_to_a_judge_who_chooses_among_the_classifiers_labels(tmp_path: Path) -> None:
    step = Classify(model="tasks", at_least=0.8, judge="teacher")
    outcome, engine = go(tmp_path, step, problem(), tasks=[given(maths=0.6, code=0.4)], teacher=["code"])
    assert outcome.columns == {"label": "code", "label_probability": pytest.approx(0.4), "label_by": "judge"}
    asked = engine.asked[-1][1]
    assert asked.constraint is not None and asked.constraint.value == ["code", "maths"]
    sure, engine = go(tmp_path / "sure", step, problem(), tasks=[given(maths=0.9, code=0.1)], teacher=[])
    assert sure.columns["label_by"] == "classifier" and engine.models() == ["tasks"]


def test_a_recipe_knows_which_models_label_and_which_columns_come() -> None:
    step = Classify(model="tasks", into="difficulty", at_least=0.5, judge="teacher")
    assert step.models_used() == {"model": {"tasks"}, "judge": {"teacher"}}
    assert step.classifier_settings() == {"model"}
    assert set(step.columns_written()) == {"difficulty", "difficulty_probability", "difficulty_by"}
    assert Label(model="judge", labels=TASKS).classifier_settings() == set()


@pytest.mark.parametrize(
    ("cls", "settings", "message"),
    [
        (Classify, {"judge": "teacher"}, "the judge labels rows below at_least, which is 0"),
        (Classify, {"into": "answer"}, "'answer' is a core column of every row"),
        (Classify, {"into": "Two words"}, "pattern"),
        (Label, {"labels": ["one"]}, "at least 2"),
        (Label, {"labels": ["a", " b"]}, "must be one line without spaces around it"),
        (Label, {"labels": TASKS, "shows": []}, "at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(cls, settings: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        cls.model_validate({"model": "m", **settings})


def test_the_prompt_changes_its_hash_with_its_labels_and_has_both_languages() -> None:
    assert label_prompt(TASKS).hash != label_prompt({"maths": "", "prose": ""}).hash
    assert label_prompt(TASKS) is label_prompt(dict(TASKS))
    zh = Row({"id": "1", "language": "zh", "messages": [{"role": "user", "content": "三加四?"}]})
    system, user = label_prompt(TASKS).messages(zh)
    assert "只回答一个标签" in system["content"] and user["content"] == "三加四?"


def test_a_classifier_is_sent_the_parts_that_a_row_has() -> None:
    row = problem(reasoning=None, answer="861")
    assert parts_of(row) == {"conversation": row.instruction, "answer": "861"}
