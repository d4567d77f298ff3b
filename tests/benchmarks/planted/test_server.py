"""The planted server tells our prompts apart, and says what is planted through the real client."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from benchmarks.planted.server import PROMPTS, Asked, asked_of, openings, serving
from distilray.models import GenerateRequest, OpenAIModel, Reply
from distilray.models.engines.openai import OpenAIEngine
from distilray.models.wire import decode_answers, encode_batch
from distilray.prompts import ANSWER, COMPARE_CONTENT, EXPAND, PLAIN, REWRITE, VERIFY_QUALITY, sized
from tests.support.models import request
from tests.support.planted import problem


def test_every_prompt_has_an_opening_of_its_own() -> None:
    known = openings()
    assert len(known) == sum(len(prompt.templates) for prompt in PROMPTS) and min(map(len, known)) > 8
    assert not [pair for pair in itertools.permutations(known, 2) if pair[0].startswith(pair[1])]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_request_is_known_by_its_prompt_and_others_want_an_answer(language: str) -> None:
    row = problem(language=language)
    for prompt, variables in (
        (EXPAND, {"n": 2, "examples": (), "guidance": None}),
        (sized(REWRITE, "7B"), {"answer": "861"}),
        (VERIFY_QUALITY, {"answer": "861"}),
    ):
        asked = asked_of({"messages": prompt.messages(row, **variables)})
        assert (asked.prompt, asked.chinese) == (prompt.name, language == "zh")
    for prompt in (ANSWER, PLAIN):
        assert asked_of({"messages": prompt.messages(row)}).prompt is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_parts_of_a_request_are_found_below_their_headings(language: str) -> None:
    row = problem(language=language)
    asked = asked_of({"messages": VERIFY_QUALITY.messages(row, answer="861\n\nAnswer: 861")})
    assert asked.part("Instruction", "指令", until=("Answer", "回答")) == row.instruction
    assert asked.part("Answer", "回答") == "861\n\nAnswer: 861"
    asked = asked_of({"messages": COMPARE_CONTENT.messages(row, instruction="Name a lake.")})
    assert asked.part("Second", "第二条") == "Name a lake."
    assert Asked(None, "2+3?", [], {}).part("Answer") == "2+3?"


def test_what_is_planted_comes_through_the_client() -> None:
    async def ask(url: str, requests: list[GenerateRequest]) -> list[list[Reply]]:
        engine = OpenAIEngine("m/0", OpenAIModel(base_url=url, model="planted", structured="vllm"))
        await engine.ready()
        answers = {}
        async for payload in engine.answer(encode_batch(requests)):
            answers.update(decode_answers(payload).answers)
        await engine.client.close()
        return [answers[k] for k in range(len(requests))]

    with serving(lambda asked: f"you said {asked.said}") as url:
        replies = asyncio.run(ask(url, [request(f"row {k}") for k in range(40)]))
    assert [reply.text for (reply,) in replies] == [f"you said row {k}" for k in range(40)]
    assert all(reply.finish_reason == "stop" and reply.tokens_out == 4 for (reply,) in replies)
