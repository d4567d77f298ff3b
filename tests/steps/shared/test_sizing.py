"""Where a step's prompts have the student's size from."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from distilray.prompts import REWRITE
from distilray.steps.rewrite import Rewrite

PRACTICE = "package://distilray.practice/checkpoints/student_warm"


def system(**settings) -> str:
    [prompt] = Rewrite(model="rewriter", **settings).prompts_used()
    return prompt.templates["en"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "a small model"),
        ({"student_size": "7B"}, "a 7B model"),
        ({"student_size": "Qwen/Qwen2.5-14B"}, "a 14B model"),
        ({"tokenizer": "Qwen/Qwen2.5-1.5B"}, "a 1.5B model"),
        ({"tokenizer": "Qwen/Qwen2.5-1.5B", "student_size": "500M"}, "a 500M model"),
        ({"tokenizer": "Qwen/Qwen2.5-1.5B", "student_size": None}, "a small model"),
        ({"tokenizer": PRACTICE}, "a small model"),
        ({"tokenizer": "s3://bucket/student"}, "a small model"),
    ],
)
def test_a_size_or_a_checkpoint_or_the_tokenizers(settings: dict, words: str) -> None:
    assert words in system(**settings)


def test_the_size_is_looked_up_once_where_the_recipe_is_read() -> None:
    step = Rewrite(model="rewriter", tokenizer="Qwen/Qwen2.5-7B")
    assert step.student_size == "7B"
    assert Rewrite.model_validate(step.model_dump()) == step
    assert Rewrite(model="rewriter").prompts_used() == (REWRITE,)


def test_a_checkpoint_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValidationError, match="no installed package is named 'nowhere'"):
        Rewrite.model_validate({"model": "rewriter", "student_size": "package://nowhere/student"})
