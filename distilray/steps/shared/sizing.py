"""The student's size in prompts: "a 7B model" tells a rater or a rewriter more than "a small model"."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

from pydantic import Field, model_validator

from distilray.checkpoints import NotACheckpoint, size_of
from distilray.prompts import Prompt, sized
from distilray.steps.base import Step

T = TypeVar("T")

_SIZE = re.compile(r"\d+(\.\d+)?[BM]")


class SizedStep(Step):
    """A step whose prompts may name the student's size. A checkpoint is looked up once, where the recipe is read, so
    that every node sends the same words."""

    student_size: Annotated[
        str | None,
        Field(
            description="the student as prompts name it: a size (7B), or a checkpoint whose config.json tells it; "
            "default: that of `tokenizer`, where the step has one; null: a small model"
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _looked_up(cls, settings: Any) -> Any:
        if not isinstance(settings, dict):
            return settings
        given = settings.get("student_size", settings.get("tokenizer"))
        if not isinstance(given, str) or _SIZE.fullmatch(given):
            return settings
        return {**settings, "student_size": _size(given, asked="student_size" in settings)}

    def sized(self, prompt: Prompt[T]) -> Prompt[T]:
        """``prompt``, with the student's size where it is known."""
        return sized(prompt, self.student_size)


def _size(checkpoint: str, asked: bool) -> str | None:
    """Of a checkpoint on this machine; what is wrong with a tokenizer is said where that is read."""
    if "://" in checkpoint and not checkpoint.startswith("package://"):
        return None  # nothing is downloaded to find a word
    try:
        return size_of(checkpoint)
    except NotACheckpoint:
        if asked:
            raise
        return None
