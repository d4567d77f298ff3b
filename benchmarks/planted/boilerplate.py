"""Answers of random words, some of which share an opening, a closing, a sentence or a refusal.

A planted phrase is far more frequent in the answers of its language than what is searched for, a rare one less.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from benchmarks.global_steps import drawn
from benchmarks.planted.texts import LANGUAGES, Language

ABOVE, OFTEN, OF = 0.02, 5, 100
"""The frequency that is searched for; a planted phrase is in ``OFTEN`` of every ``OF`` answers, a rare one in one."""
PLACES = ("opening", "inside", "closing", "refusal")
PLANTED: dict[Language, dict[str, str]] = {
    "en": {
        "opening": "Certainly, here is what you asked for:",
        "inside": "it is important to remember that every case is different",
        "closing": "Feel free to ask me if anything is unclear.",
        "refusal": "I'm sorry, but I can't help with that.",
    },
    "zh": {
        "opening": "当然可以,以下是为您整理的内容:",
        "inside": "需要特别注意的是每一种情况都可能有所不同",
        "closing": "希望以上内容能够对您有所帮助。",
        "refusal": "抱歉,我无法回答这个问题。",
    },
}
RARE: dict[Language, dict[str, str]] = {
    "en": {"opening": "Let us begin with a look at", "closing": "Much more could be said of all this."},
    "zh": {"opening": "我们先从头说起再看结果", "closing": "关于这些还有许多话可以说。"},
}


class Boilerplate:
    """``rows`` answers, half of them in each language."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.answers = [self._answer(number) for number in range(rows)]

    def _answer(self, number: int) -> tuple[Language, str, str]:
        """Language, text, and the name of the phrase that was planted in it (empty: none)."""
        language = LANGUAGES[number % 2]
        place = number // 2
        draw = random.Random(f"answer-{number}")
        words, join = drawn(draw, language, 40), "" if language == "zh" else " "
        name, phrase = self._phrase(language, place)
        if name.endswith("refusal"):
            return language, phrase, name
        if name.endswith("opening"):
            return language, f"{phrase}{join}{join.join(words)}", name
        if name.endswith("closing"):
            return language, f"{join.join(words)}{join}{phrase}", name
        if name.endswith("inside"):
            return language, join.join([*words[:20], phrase, *words[20:]]), name
        return language, join.join(words), name

    def _phrase(self, language: Language, place: int) -> tuple[str, str]:
        """The phrase of the answer at ``place`` among those of its language: its name and text."""
        turn = place % OF
        if turn < OFTEN * len(PLACES):
            where = PLACES[turn // OFTEN]
            return where, PLANTED[language][where]
        rare = list(RARE[language].items())
        left = turn - OFTEN * len(PLACES)
        return (f"rare {rare[left][0]}", rare[left][1]) if left < len(rare) else ("", "")

    def records(self) -> list[dict[str, Any]]:
        return [
            {"instruction": f"Question {k}", "output": text, "language": language, "planted": name}
            for k, (language, text, name) in enumerate(self.answers)
        ]

    def figures(self, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
        """Recall: the planted phrases that are no longer in more than ``ABOVE`` of the answers that were not marked.
        False alarms: marked answers among those without such a phrase."""
        found, planted = 0, 0
        for language in LANGUAGES:
            stay = [row for row in rows if row["language"] == language and row["boilerplate"] is None]
            for where in PLACES:
                planted += 1
                found += sum(row["planted"] == where for row in stay) <= ABOVE * len(stay)
        clean = [row for row in rows if row["planted"] not in PLACES]
        return {
            "boilerplate": {
                "planted": planted,
                "recall": found / planted,
                "good": len(clean),
                "false_alarms": sum(row["boilerplate"] is not None for row in clean) / len(clean),
            }
        }
