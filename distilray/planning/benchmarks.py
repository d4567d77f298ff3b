"""What a recipe's published benchmarks come to: questions, tokens and money, before anything is asked.

    [need, *_] = benchmark_needs(recipe)
    need.benchmark, need.model, need.questions, need.tokens_out      # "gsm8k", "student_after", 1319, 263_800

Tokens are those of a model that does not reason at length, as each benchmark's file states them; a model that does may
take up to ``most_tokens_out``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE, Published, published_benchmark
from distilray.models import ModelSettings, Price
from distilray.recipe import Recipe

JUDGE_PROMPT, JUDGE_REPLY = 250, 150
"""Tokens that a judge's prompt has beside the answers, and about those of its reply."""


@dataclass(frozen=True)
class BenchmarkNeed:
    """One model on one benchmark, as the model that answers or as the judge."""

    benchmark: str
    model: str
    judges: bool
    questions: int
    answers: int
    """To all questions together; of a judge its verdicts."""
    tokens_in: int
    tokens_out: int
    most_tokens_out: int
    cost: float | None
    """At the model's prices, in their currency; None where it has none."""
    most_cost: float | None


def benchmark_needs(recipe: Recipe) -> list[BenchmarkNeed]:
    """Of every published benchmark and every model that it asks; other benchmarks state no sizes."""
    return [
        need for benchmark in recipe.evaluate if isinstance(benchmark, Published) for need in _of(recipe, benchmark)
    ]


def benchmarks_as_json(recipe: Recipe) -> list[dict[str, Any]]:
    return [asdict(need) for need in benchmark_needs(recipe)]


def _of(recipe: Recipe, benchmark: Published) -> Iterator[BenchmarkNeed]:
    known = published_benchmark(benchmark.published).asker()
    questions = min(known.questions, benchmark.limit or known.questions)
    asked, turns = questions * benchmark.samples, benchmark.turns
    tokens = (
        asked * known.asking.prompt_tokens,
        asked * known.asking.reply_tokens,
        asked * turns * benchmark.max_tokens,
    )
    for name in benchmark.models:
        yield _need(benchmark.name, name, False, questions, asked * turns, tokens, _price(recipe, name))
    if benchmark.judge is not None:
        orders = 1 if turns > 1 else 2  # of two answers; MT-Bench's judge sees one conversation
        verdicts = asked * turns * len(benchmark.models) * orders
        shown = known.asking.prompt_tokens + 2 * known.asking.reply_tokens // turns
        reply = _reply_limit(recipe.models.get(benchmark.judge))
        tokens = (verdicts * (JUDGE_PROMPT + shown), verdicts * JUDGE_REPLY, verdicts * max(JUDGE_REPLY, reply))
        yield _need(benchmark.name, benchmark.judge, True, questions, verdicts, tokens, _price(recipe, benchmark.judge))


def _need(
    benchmark: str,
    model: str,
    judges: bool,
    questions: int,
    answers: int,
    tokens: tuple[int, int, int],
    price: Price | None,
) -> BenchmarkNeed:
    tokens_in, tokens_out, most = tokens
    cost = None if price is None else price.of(tokens_in, tokens_out)
    most_cost = None if price is None else price.of(tokens_in, most)
    return BenchmarkNeed(
        benchmark, model, judges, questions, answers, tokens_in, tokens_out, max(most, tokens_out), cost, most_cost
    )


def _price(recipe: Recipe, name: str) -> Price | None:
    """Of a model, or of the one that the student was trained from."""
    if name in (STUDENT_BEFORE, STUDENT_AFTER):
        students = [training.settings.student for training in recipe.all_trainings() if training.method.is_generative]
        name = students[-1] if students else name
    model = recipe.models.get(name)
    return None if model is None else model.price


def _reply_limit(model: ModelSettings | None) -> int:
    sampling = getattr(model, "sampling", None)
    return 0 if sampling is None else sampling.max_tokens
