"""LABEL: a model picks the one label that fits a row. CLASSIFY: the same row, as a trained classifier reads it.

    labels {"maths": "numbers and proofs", "code": "programs"}  ->  the model replies "maths"

One place says what the parts of a row are (its conversation, the reasoning, the answer), so that a classifier is asked
about the very text that it was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from distilray.models import PARTS, Constraint, Part
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


def _parse_reply(reply: str) -> str:
    return reply


class _ClassifyPrompt(Prompt[str]):
    """Not words but the row's parts, each a message under the part's name: the engine takes those that it reads."""

    def messages(self, row: Row, **variables: Any) -> list[dict[str, str]]:
        return [{"role": part, "content": text} for part, text in parts_of(row).items()]


CLASSIFY: Prompt[str] = _ClassifyPrompt("classify", _parse_reply, templates={"en": "parts"})
"""Asked of a classifier: the reply is a label, with the log-probabilities of all labels."""
