"""Word problems whose answer is known: adding or subtracting two numbers of three digits, in English and Chinese.

    Tom has 482 apples and gets 379 more. How many apples does Tom have now?        (reference: 861)

A hash of the two numbers and their operation assigns them to the training part or to the held-out part, so that
"operands never seen in training" holds whatever seed a generator starts from.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from operator import itemgetter
from typing import Any, Literal, get_args

Language = Literal["en", "zh"]
Operation = Literal["+", "-"]
Split = Literal["train", "held_out"]

HELD_OUT_SHARE = 5
"""One pair of operands in this many is held out."""

_NAMES = {
    "en": ["Tom", "Anna", "Ben", "Lily", "Max", "Emma", "Sam", "Rosa", "Leo", "Mia"],
    "zh": ["小明", "小红", "小刚", "小丽", "小华", "小芳"],
}
_THINGS = {
    "en": ["apples", "books", "coins", "stamps", "cards", "shells", "pens", "marbles"],
    "zh": ["苹果", "本子", "硬币", "邮票", "卡片", "贝壳", "铅笔", "弹珠"],
}
_QUESTIONS = {
    "en+": (
        "{name} has {a} {things} and gets {b} more. How many {things} does {name} have now?",
        "{name} collects {a} {things} on Monday and {b} {things} on Tuesday. How many {things} in total?",
        "There are {a} {things} in one box and {b} {things} in another. How many {things} are there together?",
        "A shop sold {a} {things} in May and {b} {things} in June. How many {things} did it sell?",
    ),
    "en-": (
        "{name} has {a} {things} and gives away {b}. How many {things} are left?",
        "A box holds {a} {things}. {name} takes out {b} of them. How many {things} remain?",
        "A shop had {a} {things} and sold {b}. How many {things} does it still have?",
    ),
    "zh+": (
        "{name}有{a}个{things},又得到{b}个。{name}现在有多少个{things}?",
        "{name}星期一收集了{a}个{things},星期二收集了{b}个。一共有多少个{things}?",
        "一个盒子里有{a}个{things},另一个盒子里有{b}个。合起来有多少个{things}?",
    ),
    "zh-": (
        "{name}有{a}个{things},送给别人{b}个。还剩多少个{things}?",
        "盒子里有{a}个{things},{name}拿走了{b}个。剩下多少个{things}?",
        "商店原有{a}个{things},卖出{b}个。还有多少个{things}?",
    ),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """``text`` asks for ``a operation b``; both are from 100 to 999 and the result is never negative."""

    language: Language
    operation: Operation
    a: int
    b: int
    text: str

    @property
    def result(self) -> int:
        return self.a + self.b if self.operation == "+" else self.a - self.b


def split_of(a: int, b: int, operation: Operation) -> Split:
    """Where these operands belong; ``a + b`` and ``b + a`` belong together."""
    if operation == "+":
        a, b = max(a, b), min(a, b)
    digest = hashlib.blake2b(f"{a}{operation}{b}".encode(), digest_size=4).digest()
    return "held_out" if int.from_bytes(digest) % HELD_OUT_SHARE == 0 else "train"


def draw_problem(
    rng: random.Random,
    split: Split,
    *,
    languages: Sequence[Language] = ("en", "zh"),
    operations: Sequence[Operation] = ("+", "-"),
) -> Problem:
    """A problem of ``split``; language, operation, operands and wording are drawn evenly."""
    language, operation = rng.choice(languages), rng.choice(operations)
    while True:
        a, b = rng.randint(100, 999), rng.randint(100, 999)
        if operation == "-":
            a, b = max(a, b), min(a, b)
        if split_of(a, b, operation) == split:
            break
    question = rng.choice(_QUESTIONS[language + operation])
    text = question.format(name=rng.choice(_NAMES[language]), things=rng.choice(_THINGS[language]), a=a, b=b)
    return Problem(language, operation, a, b, text)


def _pattern(language: Language, question: str) -> re.Pattern[str]:
    """Finds the problems that ``question`` words."""
    holes = {"a": r"(?P<a>\d+)", "b": r"(?P<b>\d+)"}
    holes |= {hole: f"(?:{'|'.join(words[language])})" for hole, words in (("name", _NAMES), ("things", _THINGS))}
    pattern = re.escape(question)
    for hole, found in holes.items():
        pattern = pattern.replace(re.escape(f"{{{hole}}}"), found)
    return re.compile(pattern)


_PATTERNS: list[tuple[Language, Operation, str, re.Pattern[str]]] = [
    (language, operation, question, _pattern(language, question))
    for language, operation in product(get_args(Language), get_args(Operation))
    for question in _QUESTIONS[language + operation]
]


def read_problem(text: str) -> Problem | None:
    """The first problem that ``text`` asks; None if it asks none of the world's."""
    found = [
        (match.start(), Problem(language, operation, int(match["a"]), int(match["b"]), match[0]))
        for language, operation, _, pattern in _PATTERNS
        if (match := pattern.search(text))
    ]
    return min(found, key=itemgetter(0))[1] if found else None


def in_other_words(problem: Problem, rng: random.Random) -> Problem:
    """The same numbers and operation, asked by another question about other things."""
    language = problem.language
    others = [
        question
        for *kind, question, pattern in _PATTERNS
        if kind == [language, problem.operation] and not pattern.search(problem.text)
    ]
    words = {"name": rng.choice(_NAMES[language]), "things": rng.choice(_THINGS[language])}
    return replace(problem, text=rng.choice(others).format(a=problem.a, b=problem.b, **words))


def record(problem: Problem) -> dict[str, Any]:
    """The problem as a source's record."""
    return {
        "messages": [{"role": "user", "content": problem.text}],
        "reference": str(problem.result),
        "language": problem.language,
        "task": "math",
    }


def problems(
    rows: int,
    seed: int,
    split: Split = "train",
    languages: Sequence[Language] = ("en", "zh"),
    operations: Sequence[Operation] = ("+", "-"),
    without_reference: float = 0.0,
) -> Iterator[dict[str, Any]]:
    """A recipe's source: ``uses: distilray.practice:problems``, ``with: {rows: 4000, seed: 1}``.

    Evaluate on ``split: held_out``; none of its operands occur in ``split: train``.
    ``without_reference`` is the share of rows that bring no reference; then every row has its result as ``truth`` too,
    which no verifier reads.
    """
    rng, hidden = random.Random(f"problems-{seed}"), random.Random(f"hidden-{seed}")
    for _ in range(rows):
        made = record(draw_problem(rng, split, languages=languages, operations=operations))
        if without_reference:
            made["truth"] = made["reference"]
            if hidden.random() < without_reference:
                del made["reference"]
        yield made
