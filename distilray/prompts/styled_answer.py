"""STYLED_ANSWER: the teacher answers in a style that the row's task has, or that a recipe names.

    style_of("code debugging") -> "code"

Steps for what has to be worked out, commented and explained code, rich detail for writing (the DistilQwen2 post), and
forms for the other types of task. Unlike ANSWER no style asks for a fixed mark before the result, which a student would
learn as a phrase.
"""

from __future__ import annotations

from typing import Literal, get_args

from distilray.prompts.answer import parse_answer
from distilray.prompts.prompt import Prompt

Style = Literal["step_by_step", "code", "rich", "exact_form", "text", "facts", "views", "direct"]
STYLES: tuple[Style, ...] = get_args(Style)

_TASKS: dict[Style, tuple[str, ...]] = {
    "step_by_step": ("math", "reasoning", "physics", "chemistry", "counterfactual"),
    "code": ("code generation", "code debugging", "code"),
    "rich": ("writing", "academic writing", "literature", "roleplay", "entertainment", "art", "music"),
    "exact_form": ("complex format",),
    "text": ("paraphrase", "grammar", "multilingual"),
    "facts": ("computer science", "technology", "biology", "medicine", "health", "ecology", "history", "sport", "law",
              "economy", "common sense", "truthful QA"),
    "views": ("ethics", "philosophy", "toxicity"),
}  # fmt: skip
_STYLE_OF: dict[str, Style] = {task: style for style, tasks in _TASKS.items() for task in tasks}


def style_of(task: str) -> Style:
    """The style that fits ``task``; ``direct`` for a task that is not known."""
    return _STYLE_OF.get(task, "direct")


STYLED_ANSWER = Prompt("styled_answer", parse_answer)
"""Variables: ``style``."""
