"""What a recipe may say of learning a model's part in a step, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from distilray.recipe import RecipeError, parse
from tests.support.checkpoints import make_student


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    small = make_student(Path(tmp_path_factory.mktemp("small")))
    learn = {"step": "align_trace", "prompts": ["shorten_trace", "extend_trace"]}
    return {
        "models": {"big": {"kind": "echo"}, "small": {"path": small}},
        "sources": [{"name": "rows", "path": "rows.jsonl"}],
        "steps": [{"answer": {"model": "big"}}, {"align_trace": {"judge": "big", "rewriter": "big"}}, "inline_trace"],
        "train": [{"kind": "sft", "name": "condenser", "student": "small", "max_steps": 5, "learn": learn}],
    }


def read(base: dict[str, Any], *overrides: str) -> Any:
    return parse(yaml.safe_dump(base), "r.yaml", overrides)


def test_later_steps_may_rewrite_the_row_where_the_lessons_are_in_columns_of_their_own(base: dict[str, Any]) -> None:
    [training] = read(base).all_trainings()
    assert training.settings.learn.prompts == ("shorten_trace", "extend_trace")
    again = parse(read(base).to_yaml(), "r.yaml")
    assert again.all_trainings()[0].settings == training.settings


def test_a_training_that_learns_needs_no_answers_of_the_rows(base: dict[str, Any]) -> None:
    read({**base, "steps": [base["steps"][0], {"judge": {"model": "big"}}]}, "train.condenser.learn={step: judge}")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["train.condenser.learn.step=align_trce"], "no step 'align_trce' comes before .*did you mean 'align_trace'"),
        (["train.condenser.learn={step: inline_trace}"], "has no demonstrations of what its models replied; align_tr"),
        (["train.condenser.learn.prompts=[shorten]"], "has no prompt 'shorten'; did you mean 'shorten_trace'"),
        (["train.condenser.learn.steps=x"], "unknown key 'steps'"),
        (["train.condenser.system=You are terse."], "asked with the step's own system prompt; leave system out"),
        (["train.condenser.think=true"], "think and learn cannot be combined"),
        (["train.condenser.kind=step_by_step"], "learn needs kind: sft"),
        (
            ["steps.2={answer: {model: big}}", "steps.1={rate_trace: {model: big}}",
             "train.condenser.learn={step: rate_trace}"],
            "writes answer, reasoning after 'rate_trace'.*move the training between the two",
        ),
        (["train.condenser.rows=ratngs is not null"], "ratngs"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_is_told_with_a_remedy(base: dict[str, Any], changes: list[str], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        read(base, *changes)


def test_a_step_after_the_training_is_not_there_to_learn_from(base: dict[str, Any]) -> None:
    [train] = base["train"]
    steps = [base["steps"][0], {"train": train}, base["steps"][1]]
    with pytest.raises(RecipeError, match="no step 'align_trace' comes before this training"):
        read({**base, "steps": steps, "train": []})


def test_put_between_the_steps_it_learns_what_a_later_one_writes_over(base: dict[str, Any]) -> None:
    [train] = base["train"]
    steps = [base["steps"][0], {"rate_trace": {"model": "big"}}, {"train": train}, "inline_trace"]
    read({**base, "steps": steps, "train": []}, "steps.2.train.learn={step: rate_trace}")
