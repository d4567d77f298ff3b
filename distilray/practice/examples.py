"""What the tiny models are trained and measured on: the real prompts about rows of the practice world, with
the replies that a perfect teacher, judge, rater or rewriter would give."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from distilray.practice.arithmetic import Problem, Split, draw_problem, record
from distilray.practice.checks import judgement
from distilray.practice.worked import RESULT, Slip, Trace, draw_trace, medium
from distilray.prompts import ANSWER, EXTEND_TRACE, JUDGE, RATE_TRACE, RATINGS, SHORTEN_TRACE, Prompt
from distilray.rows import Row


@dataclass(frozen=True, slots=True)
class Example:
    """``messages`` asks, ``reply`` is right; ``problem`` and ``trace`` are what both are about."""

    role: str
    messages: list[dict[str, str]]
    reply: str
    problem: Problem
    trace: Trace | None = None


def row_about(problem: Problem) -> Row:
    return Row({"id": problem.text, **record(problem)})


def _final(problem: Problem, trace: Trace, rng: random.Random) -> str | None:
    """The final answer as recipes may give it: bare, as the solution's last line, or not at all."""
    return rng.choice((f"{trace.claim}", f"{RESULT[problem.language]}{trace.claim}", None))


def conversation_example(rng: random.Random, split: Split) -> Example:
    """The bare question, as students are trained and evaluated."""
    problem = draw_problem(rng, split)
    return Example("conversation", record(problem)["messages"], medium(problem).text, problem)


def answer_example(rng: random.Random, split: Split) -> Example:
    problem = draw_problem(rng, split)
    return Example("answer", ANSWER.messages(row_about(problem)), medium(problem).text, problem)


def judge_example(rng: random.Random, split: Split) -> Example:
    """Half of the answers are right."""
    problem = draw_problem(rng, split)
    slip = rng.choices(get_args(Slip), (45, 20, 15, 15, 5))[0] if rng.random() < 0.5 else None
    trace = draw_trace(problem, rng.choice(("medium", *RATINGS)), rng, slip)
    reply = json.dumps(judgement(problem, trace).model_dump(), ensure_ascii=False)
    return Example("judge", JUDGE.messages(row_about(problem), answer=trace.text), reply, problem, trace)


def rate_example(rng: random.Random, split: Split) -> Example:
    problem = draw_problem(rng, split)
    trace = draw_trace(problem, rng.choice(RATINGS), rng, "column" if rng.random() < 0.15 else None)
    messages = RATE_TRACE.messages(row_about(problem), trace=trace.text, answer=_final(problem, trace, rng))
    return Example("rate_trace", messages, trace.rating, problem, trace)


def _rewrite_example(prompt: Prompt[str], rng: random.Random, split: Split) -> Example:
    problem = draw_problem(rng, split)
    trace = draw_trace(problem, "hard" if prompt is SHORTEN_TRACE else "easy", rng)
    messages = prompt.messages(row_about(problem), trace=trace.text, answer=_final(problem, trace, rng))
    return Example(prompt.name, messages, medium(problem).text, problem, trace)


def shorten_example(rng: random.Random, split: Split) -> Example:
    return _rewrite_example(SHORTEN_TRACE, rng, split)


def extend_example(rng: random.Random, split: Split) -> Example:
    return _rewrite_example(EXTEND_TRACE, rng, split)


ROLES: dict[str, Callable[[random.Random, Split], Example]] = {
    "conversation": conversation_example,
    ANSWER.name: answer_example,
    JUDGE.name: judge_example,
    RATE_TRACE.name: rate_example,
    SHORTEN_TRACE.name: shorten_example,
    EXTEND_TRACE.name: extend_example,
}

PROMPTS: dict[str, Prompt] = {
    prompt.name: prompt for prompt in (ANSWER, JUDGE, RATE_TRACE, SHORTEN_TRACE, EXTEND_TRACE)
}


def is_right(example: Example, reply: str) -> bool:
    """Whether ``reply`` does what its role is for: the right result, the right verdict, the right word."""
    if example.role == JUDGE.name:
        try:
            judged = JUDGE.parse(reply)
        except ValueError:
            return False
        assert example.trace is not None
        return (judged.accuracy >= 5) == example.trace.right
    if example.role == RATE_TRACE.name:
        return reply.strip() == example.reply
    return reply.rstrip().endswith(f"{RESULT[example.problem.language]}{example.problem.result}")
