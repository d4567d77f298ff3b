"""New instructions, good and bad ones, for the checks of the steps that have them written: language, task, near-copy.

Each row is expanded once into five texts: two good ones, one in another language, one of another task, and one that is
a near-copy of the row or of the good text before it. The checker is planted too, and always right about the task.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks.planted.server import Asked
from benchmarks.planted.texts import LANGUAGES, TASKS, Language, instruction, near_copy, quoting
from distilray.prompts import CLASSIFY_TASK, COMPARE_CONTENT, EXPAND

GOOD, LANGUAGE, TASK, COPY = "good", "language", "task", "near-copy"
REASONS = {LANGUAGE: "another language", TASK: "another task", COPY: "near-copy"}
"""What the step calls it."""


@dataclass(frozen=True)
class Text:
    text: str
    truth: str
    """What it is: ``good``, or what is wrong with it."""
    task: str


@dataclass(frozen=True)
class Seed:
    """A row, and what is written from it."""

    instruction: str
    language: Language
    task: str
    written: tuple[Text, ...]


class Created:
    """``rows`` rows with their planted texts."""

    def __init__(self, rows: int) -> None:
        self.seeds = [_seed(number) for number in range(rows)]

    @cached_property
    def by_instruction(self) -> dict[str, Seed]:
        return {seed.instruction: seed for seed in self.seeds}

    @cached_property
    def tasks(self) -> dict[str, str]:
        return {text.text: text.task for seed in self.seeds for text in seed.written}

    def records(self) -> list[dict[str, Any]]:
        return [{"instruction": seed.instruction, "language": seed.language, "task": seed.task} for seed in self.seeds]

    def say(self, asked: Asked) -> str:
        if asked.prompt == EXPAND.name:
            written = self.by_instruction[asked.part("Instruction", "指令")].written
            return json.dumps({"instructions": [text.text for text in written]}, ensure_ascii=False)
        if asked.prompt == CLASSIFY_TASK.name:
            return self.tasks[asked.said]
        assert asked.prompt == COMPARE_CONTENT.name, asked.prompt
        return "other"

    def figures(self, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
        """Of each check: how much of what was planted it found, and how many good texts it dropped. ``rows`` left the
        step: parents with their ``expand_problems``, and children."""
        verdicts = [verdict for seed in self.seeds for verdict in _verdicts(seed, rows)]
        good = [reason for text, reason in verdicts if text.truth == GOOD]
        found = {}
        for truth, reason in REASONS.items():
            planted = [dropped for text, dropped in verdicts if text.truth == truth]
            found[truth] = {
                "planted": len(planted),
                "recall": sum(dropped is not None for dropped in planted) / len(planted),
                "good": len(good),
                "false_alarms": sum(dropped == reason for dropped in good) / len(good),
            }
        return found


def _seed(number: int) -> Seed:
    language, task = LANGUAGES[number % 2], TASKS[number // 2 % len(TASKS)]
    other: Language = LANGUAGES[1 - number % 2]
    place = number // (2 * len(TASKS))
    own = instruction(language, task, place)
    first, second = (instruction(language, task, place + k) for k in (1, 2))
    if number % 4 < 2:  # good texts may ask for words of the other language
        second = quoting(second, language, place)
    foreign = instruction(other, task, place + 1)
    elsewhere = TASKS[(TASKS.index(task) + 1) % len(TASKS)]
    bad = [
        Text(quoting(foreign, other, place) if number % 4 < 2 else foreign, LANGUAGE, task),
        Text(instruction(language, elsewhere, place + 2), TASK, elsewhere),
        Text(near_copy(own if number % 3 else first, language, place), COPY, task),
    ]
    random.Random(number).shuffle(bad)
    return Seed(own, language, task, (Text(first, GOOD, task), *bad, Text(second, GOOD, task)))


def _verdicts(seed: Seed, rows: Sequence[dict[str, Any]]) -> list[tuple[Text, str | None]]:
    """Each text of ``seed`` with the reason why it was dropped; None where it became a row."""
    [parent] = [row for row in rows if row["parent"] is None and _asks(row) == seed.instruction]
    children = {_asks(row) for row in rows if row["parent"] == parent["id"]}
    reasons = iter(parent["expand_problems"])
    return [(text, None if text.text in children else next(reasons)) for text in seed.written]


def _asks(row: dict[str, Any]) -> str:
    return row["messages"][-1]["content"]
