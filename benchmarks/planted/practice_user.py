"""The practice world's user: it asks on about a result, and gets the worked answer. No tiny model knows this part.

Tom has 482 apples and gets 379 more. How many apples does Tom have now?         ... answer: 861
120 of those 861 are given away. How many are left?                              861-120 ... answer: 741
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b

from benchmarks.planted.server import Asked
from distilray.practice.arithmetic import Language, Problem
from distilray.practice.worked import RESULT, medium
from distilray.prompts import FOLLOW_UP, GROUNDING

QUESTIONS = {
    "en": "{b} of those {a} are given away. How many are left?",
    "zh": "从这{a}个中拿走{b}个,还剩多少个?",
}
_NUMBERS: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"^(?P<b>\d+) of those (?P<a>\d+) "),
    "zh": re.compile(r"^从这(?P<a>\d+)个中拿走(?P<b>\d+)个"),
}
NOTHING_TO_ASK = "no three digits"
"""Quoted where the result has not three digits; it stands in no answer, so that no conversation is made."""


def say(asked: Asked) -> str:
    """The follow-up to an answer, the judgement that it is grounded, or the answer to a follow-up."""
    if asked.prompt == FOLLOW_UP.name:
        return json.dumps(follow_up(asked), ensure_ascii=False)
    if asked.prompt == GROUNDING.name:
        return "grounded"
    return worked(asked.messages[-1]["content"])


def follow_up(asked: Asked) -> dict[str, str]:
    language = "zh" if asked.chinese else "en"
    answer = asked.part("Last answer", "最后一个回答")
    found = re.search(rf"{RESULT[language].strip()}\s*(\d+)\s*$", answer)
    result = int(found[1]) if found else 0
    if found is None or not 101 <= result <= 999:
        return {"quote": NOTHING_TO_ASK, "question": QUESTIONS[language].format(a=result, b=0)}
    digest = int.from_bytes(blake2b(answer.encode(), digest_size=4).digest())
    return {"quote": found[0].strip(), "question": QUESTIONS[language].format(a=result, b=100 + digest % (result - 99))}


def worked(question: str) -> str:
    """The right answer to a follow-up."""
    for language, pattern in _NUMBERS.items():
        if found := pattern.match(question):
            return medium(Problem(language, "-", int(found["a"]), int(found["b"]), question)).text
    raise ValueError(f"no follow-up of the practice world: {question!r}")
