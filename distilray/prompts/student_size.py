"""Prompts that name the student's size: "a 7B model" in place of "a small model".

sized(RATE_TRACE, "7B")      the same prompt, parser and constraint, with other words and so another hash
sized(RATE_TRACE, None)      RATE_TRACE itself
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

from distilray.prompts.prompt import Prompt

T = TypeVar("T")

_WITH_AN = ("8", "11", "18")


def sized(prompt: Prompt[T], size: str | None) -> Prompt[T]:
    """``prompt`` for a student of ``size`` (``"7B"``); the prompt itself where it is not known."""
    return prompt if size is None else _sized(prompt, size)


@cache
def _sized(prompt: Prompt[T], size: str) -> Prompt[T]:
    named = f"{'an' if size.startswith(_WITH_AN) else 'a'} {size} model"
    templates = {
        language: text.replace("a small model", named).replace("小模型", f"{size}规模的模型")
        for language, text in prompt.templates.items()
    }
    return Prompt(prompt.name, prompt.parse, constraint=prompt.constraint, templates=templates)
