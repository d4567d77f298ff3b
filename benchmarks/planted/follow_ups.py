"""Follow-up questions, good and bad ones, for the checks of conversations: grounding, language, near-copy.

Each row has an answer of three sentences, and one planted question about it. Bad ones quote words that the answer does
not have, ask about something else or about what was said already (which the planted checker knows), are in another
language, or repeat the row's own question.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks.planted.server import Asked
from benchmarks.planted.texts import LANGUAGES, TASKS, THINGS, Language, instruction
from distilray.prompts import FOLLOW_UP, GROUNDING

GOOD, INVENTED, OUTSIDE, ANSWERED, LANGUAGE, COPY = (
    "good", "invented quote", "outside", "answered", "language", "near-copy",
)  # fmt: skip
KINDS = (GOOD, INVENTED, GOOD, OUTSIDE, GOOD, ANSWERED, GOOD, LANGUAGE, GOOD, COPY)
CHECKS = {
    "grounding, by quote": ((INVENTED,), ("its quote is not in the answer",)),
    "grounding, by checker": ((OUTSIDE, ANSWERED), ("outside", "answered")),
    "language of follow-ups": ((LANGUAGE,), ("another language",)),
    "near-copy of a turn": ((COPY,), ("near-copy",)),
}
"""A check to what is planted for it, and to what the step says when it finds that."""

_SENTENCES = {
    "en": (
        "It was first sold together with {a} in the harbour of a small town.",
        "Later on people kept {b} beside it, since neither of the two lasts long in the rain.",
        "Today most of them are made by hand in about {n} workshops.",
    ),
    "zh": (
        "它最早和{a}一起在一个小城的码头出售。",
        "后来人们把{b}放在它旁边,因为两样东西淋了雨都不耐用。",
        "如今它们大多由大约{n}家作坊手工制作。",
    ),
}
_ASKS = {
    "en": ("How do we know about number {n} of that?", "Could you say more about {n} such cases?"),
    "zh": ("第{n}点是怎么知道的?", "能不能再讲{n}个这样的例子?"),
}


@dataclass(frozen=True)
class Case:
    instruction: str
    answer: str
    language: Language
    truth: str
    quote: str
    question: str


class FollowUps:
    """``rows`` rows with their planted questions."""

    def __init__(self, rows: int) -> None:
        self.cases = [_case(number) for number in range(rows)]

    @cached_property
    def by_answer(self) -> dict[str, Case]:
        return {case.answer: case for case in self.cases}

    @cached_property
    def by_question(self) -> dict[str, Case]:
        return {case.question: case for case in self.cases}

    def records(self) -> list[dict[str, Any]]:
        return [
            {"instruction": case.instruction, "output": case.answer, "language": case.language} for case in self.cases
        ]

    def say(self, asked: Asked) -> str:
        if asked.prompt == FOLLOW_UP.name:
            case = self.by_answer[asked.part("Last answer", "最后一个回答")]
            return json.dumps({"quote": case.quote, "question": case.question}, ensure_ascii=False)
        if asked.prompt == GROUNDING.name:
            truth = self.by_question[asked.part("Follow-up question", "追问")].truth
            return truth if truth in (OUTSIDE, ANSWERED) else "grounded"
        return "That is told in the museum of the town." if not asked.chinese else "城里的博物馆里有介绍。"

    def figures(self, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
        """Of each check: how much of what was planted it found, and how many good questions it dropped."""
        problems = {row["messages"][0]["content"]: row["follow_up_problem"] for row in rows if row["parent"] is None}
        good = [problems[case.instruction] for case in self.cases if case.truth == GOOD]
        found = {}
        for name, (truths, reasons) in CHECKS.items():
            planted = [problems[case.instruction] for case in self.cases if case.truth in truths]
            found[name] = {
                "planted": len(planted),
                "recall": sum(problem is not None for problem in planted) / len(planted),
                "good": len(good),
                "false_alarms": sum(problem in reasons for problem in good) / len(good),
            }
        return found


def _case(number: int) -> Case:
    language, truth = LANGUAGES[number // len(KINDS) % 2], KINDS[number % len(KINDS)]
    asks = instruction(language, TASKS[number % len(TASKS)], number // len(TASKS))
    things = THINGS[language]
    parts = {"a": things[number % len(things)], "b": things[(number + 5) % len(things)], "n": 100 + number}
    sentences = [sentence.format(**parts) for sentence in _SENTENCES[language]]
    answer = ("" if language == "zh" else " ").join(sentences)
    quote = sentences[number % 3].rstrip(".。")
    if truth == INVENTED:
        quote = quote.replace(str(parts["n"]), str(parts["n"] + 1000)) + (" too" if language == "en" else "罢了")
    elif number % 4 == 0:
        quote = f"  {quote.upper()}\n"  # other spaces and another case are the same words
    asked_in: Language = LANGUAGES[1 - LANGUAGES.index(language)] if truth == LANGUAGE else language
    question = _ASKS[asked_in][number % 2].format(n=100 + number)
    if truth == COPY:
        question = f"{asks[:-1]} ({number})?"
    return Case(asks, answer, language, truth, quote, question)
