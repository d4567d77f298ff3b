"""What a request asks: the prompts' own templates, read backwards.

read(REWRITE.messages(row, answer="482+379 ..."))
-> Asked("rewrite", "en", {"row": "Tom has 482 apples ...", "answer": "482+379 ..."}, ...)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from distilray.practice.arithmetic import Language
from distilray.prompts import (
    ANSWER,
    CLASSIFY_TASK,
    COMPARE_CONTENT,
    EXPAND,
    FOLLOW_UP,
    GROUNDING,
    JUDGE,
    LOCALIZE,
    PRESERVED,
    RATE_INSTRUCTION,
    REFINE,
    REWRITE,
    SYNTHESIZE,
    VERIFY_QUALITY,
    Prompt,
)

PLAYED: tuple[Prompt[Any], ...] = (
    SYNTHESIZE, RATE_INSTRUCTION, CLASSIFY_TASK, EXPAND, LOCALIZE, REFINE, COMPARE_CONTENT, ANSWER, FOLLOW_UP,
    GROUNDING, REWRITE, PRESERVED, VERIFY_QUALITY, JUDGE,
)  # fmt: skip
"""The prompts that are known. STYLED_ANSWER begins as ANSWER does, and is answered alike."""
LANGUAGES: tuple[Language, ...] = ("en", "zh")
LONGEST = 40
"""Characters at the beginning of a system turn by which its prompt is known."""
_VARIES = re.compile(r"[{\n]|a small model|小模型")
_HOLE = re.compile(r"\{\{\s*(\w+)[^}]*\}\}")


@dataclass(frozen=True)
class Asked:
    """``parts`` are the texts that the user's turn of the prompt shows, by the names of the template; ``system`` and
    ``user`` are both turns in whole."""

    prompt: str
    language: Language
    parts: dict[str, str]
    system: str
    user: str

    @property
    def about(self) -> str:
        """The conversation of the row."""
        return self.parts.get("row", self.user)


def read(messages: Sequence[dict[str, str]]) -> Asked | None:
    """What ``messages`` ask for; None if they are none of the prompts that are known."""
    if not messages or messages[0]["role"] != "system":
        return None
    system, user = messages[0]["content"], messages[-1]["content"] if len(messages) > 1 else ""
    for (name, language), (opening, turn) in _forms().items():
        if system.startswith(opening):
            found = turn.fullmatch(user) if turn is not None else None
            return Asked(name, language, found.groupdict() if found else {}, system, user)
    return None


@cache
def _forms() -> dict[tuple[str, Language], tuple[str, re.Pattern[str] | None]]:
    """Prompt and language to how its system turn begins, and to the form of its user's turn."""
    forms: dict[tuple[str, Language], tuple[str, re.Pattern[str] | None]] = {}
    for prompt in PLAYED:
        for language in LANGUAGES:
            system, _, user = f"\n{prompt.templates[language].strip()}\n".partition("\n---\n")
            forms[prompt.name, language] = (_opening(system.strip()), _form(user.strip()))
    return forms


def _opening(system: str) -> str:
    """The beginning that is the same for every row, and for a student of any size."""
    varies = _VARIES.search(system)
    return system[: min(LONGEST, varies.start() if varies else LONGEST)].rstrip()


def _form(user: str) -> re.Pattern[str] | None:
    """None for a turn that is the row's own, or that has conditions."""
    if not user or "{%" in user:
        return None
    pieces = _HOLE.split(user)
    return re.compile(
        "".join(f"(?P<{piece}>.*?)" if k % 2 else re.escape(piece) for k, piece in enumerate(pieces)), re.S
    )
