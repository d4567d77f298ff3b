"""Worked solutions of a problem in four renderings: too terse, right for a small model, too verbose, and wrong.

482+379                 medium: every column once, as paragraphs separated by blank lines
                        easy:   one to four of the steps are missing
ones 2+9+0=11           hard:   steps are repeated or checked once more
                        wrong:  any of these, with a slip that its last line repeats
tens 8+7+1=16

hundreds 4+3+1=8

answer: 861
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from distilray.practice.arithmetic import Language, Operation, Problem, Split, draw_problem, record
from distilray.prompts import RATINGS, Rating

COLUMNS = {"en": ("ones", "tens", "hundreds"), "zh": ("个位", "十位", "百位")}
RESULT = {"en": "answer: ", "zh": "答案: "}
_SECOND_THOUGHTS = {
    "en": ("wait, let me check: ", "again: ", "to be sure: "),
    "zh": ("等等,检查一下: ", "再算一次: ", "确认: "),
}

Slip = Literal["column", "result", "operand", "problem", "unfinished"]
"""How a solution goes wrong: a column's sum, only the last line, a number read wrongly, another problem's
solution, or no last line at all."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A solution as text, what it claims, and the truth about it."""

    text: str
    claim: int | None
    rating: Rating
    right: bool


def column_sums(problem: Problem) -> list[tuple[str, int]]:
    """Ones, tens, hundreds: the column's calculation as text with the carry or borrow, and its value.

    ``[("2+9+0", 11), ("8+7+1", 16), ("4+3+1", 8)]``
    """
    return _columns(problem)[0]


def _columns(problem: Problem, slip_at: int | None = None, rng: random.Random | None = None):
    """The columns and the number they spell; a slip at a column changes its digit and whatever hangs on
    it."""
    sums, digits, carry = [], [], 0
    for column in range(3):
        top, bottom = problem.a // 10**column % 10, problem.b // 10**column % 10
        if problem.operation == "-":
            borrow = int(top < bottom + carry)
            top += 10 * borrow
            value = top - bottom - carry
        else:
            value = top + bottom + carry
        if column == slip_at and rng is not None:
            near = range(max(0, value - 3), value + 4)
            highest = 9 if problem.operation == "-" else 19
            value = rng.choice([n for n in near if n % 10 != value % 10 and n <= highest])
        sums.append((f"{top}{problem.operation}{bottom}{problem.operation}{carry}", value))
        carry = borrow if problem.operation == "-" else value // 10
        digits.append(value if column == 2 else value % 10)
    return sums, digits[0] + 10 * digits[1] + 100 * digits[2]


def _render(problem: Problem, rating: Rating, rng: random.Random, slip_at: int | None = None) -> tuple[list[str], int]:
    """The steps before the last line, and the result they lead to."""
    sums, claim = _columns(problem, slip_at, rng)
    names = COLUMNS[problem.language]
    steps = [f"{problem.a}{problem.operation}{problem.b}"]
    steps += [f"{name} {text}={value}" for name, (text, value) in zip(names, sums, strict=True)]
    if rating == "easy":
        missing = set(rng.sample(range(4), rng.choice((1, 2, 3, 3, 4)))) - {0} or {1}
        missing |= {0} if len(missing) > 1 and rng.random() < 0.5 else set()
        steps = [step for place, step in enumerate(steps) if place not in missing]
    elif rating == "hard":
        steps = _with_second_thoughts(steps, problem.language, rng)
    return steps, claim


def _with_second_thoughts(steps: list[str], language: Language, rng: random.Random) -> list[str]:
    places = rng.choices(range(len(steps)), k=rng.choice((1, 2, 2, 3)))
    longer = []
    for place, step in enumerate(steps):
        longer.append(step)
        for _ in range(places.count(place)):
            checked = rng.random() < 0.8
            longer.append(rng.choice(_SECOND_THOUGHTS[language]) + rng.choice(steps[: place + 1]) if checked else step)
    return longer


def _text(steps: list[str], claim: int | None, language: Language) -> str:
    last = [] if claim is None else [f"{RESULT[language]}{claim}"]
    return "\n\n".join([*steps, *last])


def medium(problem: Problem) -> Trace:
    """The one solution that a small model can follow."""
    steps, claim = _render(problem, "medium", random.Random(0))
    return Trace(_text(steps, claim, problem.language), claim, "medium", True)


def draw_trace(problem: Problem, rating: Rating, rng: random.Random, slip: Slip | None = None) -> Trace:
    """A solution of that rating, right or with that slip."""
    language = problem.language
    if slip in ("operand", "problem"):
        misread = _misread(problem, rng) if slip == "operand" else draw_problem(rng, "train", languages=[language])
        steps, claim = _render(misread, rating, rng)
        return Trace(_text(steps, claim, language), claim, rating, claim == problem.result)
    steps, claim = _render(problem, rating, rng, rng.randrange(3) if slip == "column" else None)
    if slip == "result":
        claim = _other_digit(problem.result, rng)
    if slip == "unfinished":
        return Trace(
            _text(steps or [f"{problem.a}{problem.operation}{problem.b}"], None, language),
            None,
            rating,
            False,
        )
    return Trace(_text(steps, claim, language), claim, rating, slip is None)


def _other_digit(number: int, rng: random.Random) -> int:
    digits = list(str(number))
    place = rng.randrange(len(digits))
    digits[place] = rng.choice([digit for digit in "123456789" if digit != digits[place]])
    return int("".join(digits))


def _misread(problem: Problem, rng: random.Random) -> Problem:
    """The same problem with one digit of one number read wrongly."""
    while True:
        a, b = rng.choice(((_other_digit(problem.a, rng), problem.b), (problem.a, _other_digit(problem.b, rng))))
        if problem.operation == "+" or a >= b:
            return Problem(problem.language, problem.operation, a, b, problem.text)


def traces(
    rows: int,
    seed: int,
    wrong: float = 0.15,
    shares: Mapping[Rating, float] | None = None,
    column: Literal["reasoning", "answer"] = "reasoning",
    split: Split = "train",
    languages: Sequence[Language] = ("en", "zh"),
    operations: Sequence[Operation] = ("+", "-"),
) -> Iterator[dict[str, Any]]:
    """A recipe's source of problems with solutions of known quality: ``uses: distilray.practice:traces``.

    ``wrong`` is the share with a slip in a column; ``shares`` how many of each rating (equal by default). The
    trace goes to ``column``: as ``reasoning`` its last line is the ``answer`` too, as ``answer`` there is
    no ``reasoning``. ``truth_rating`` and ``truth_right`` hold the truth about it.
    """
    rng = random.Random(f"traces-{seed}")
    weights = [1.0 if shares is None else shares.get(rating, 0.0) for rating in RATINGS]
    for _ in range(rows):
        problem = draw_problem(rng, split, languages=languages, operations=operations)
        rating = rng.choices(RATINGS, weights)[0]
        trace = draw_trace(problem, rating, rng, "column" if rng.random() < wrong else None)
        texts = {"answer": trace.text}
        if column == "reasoning":
            texts = {"reasoning": trace.text, "answer": f"{RESULT[problem.language]}{trace.claim}"}
        yield record(problem) | texts | {"truth_rating": trace.rating, "truth_right": trace.right}
