"""A model picks the one label that fits a row.

    labels {"maths": "numbers and proofs", "code": "programs"}  ->  the model replies "maths"

This module alone defines the parts of a row (its conversation, the reasoning, the answer), so that a classifier reads
the very text that it was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from distilray.checkpoints import PARTS, Part
from distilray.models import Constraint
from distilray.prompts.prompt import Prompt, conversation
from distilray.rows import Row


def parts_of(row: Row) -> dict[str, str]:
    """The parts that ``row`` has, by their names."""
    values = {"conversation": conversation(row), "reasoning": row["reasoning"], "answer": row["answer"]}
    return {part: values[part] for part in PARTS if values[part]}


def label_prompt(labels: Mapping[str, str], parts: Sequence[Part] = ("conversation",)) -> Prompt[str]:
    """The prompt that shows ``parts`` of a row and takes one of ``labels`` (name to what it means, which may be empty)
    as the whole reply."""
    return _label_prompt(tuple(labels.items()), tuple(parts))


@lru_cache(maxsize=64)
def _label_prompt(labels: tuple[tuple[str, str], ...], parts: tuple[Part, ...]) -> Prompt[str]:
    names = [name for name, _ in labels]

    def parse_label(reply: str) -> str:
        """Exactly one of the labels; anything around it makes the reply invalid."""
        word = reply.strip()
        if word not in names:
            raise ValueError(f"expected exactly one of {', '.join(names)}, found {reply[:80]!r}")
        return word

    return _LabelPrompt(labels, parts, parse_label)


class _LabelPrompt(Prompt[str]):
    def __init__(self, labels: tuple[tuple[str, str], ...], parts: tuple[Part, ...], parse: Any) -> None:
        super().__init__("label", parse, constraint=Constraint("choice", [name for name, _ in labels]))
        self.labels, self.parts = labels, parts

    def messages(self, row: Row, **variables: Any) -> list[dict[str, str]]:
        found = parts_of(row)
        shown = [(part, found[part]) for part in self.parts if part in found]
        return super().messages(row, labels=self.labels, parts=shown, **variables)
