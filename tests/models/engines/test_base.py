"""What all engines have in common, on the one without a model, in this process."""

from __future__ import annotations

import asyncio
from typing import Any

from distilray.models import ClassifyRequest, EchoModel, ModelError, PromptTooLong, RequestTimedOut, ScoreRequest
from distilray.models.engines.echo import EchoEngine
from distilray.models.wire import decode_answers, encode_batch
from tests.support.models import request


class ShortEngine(EchoEngine):
    """Takes ten characters."""

    class TooManyCharacters(PromptTooLong):
        """An error of its own."""

    async def prompts(self, requests) -> list[Any]:
        texts = await super().prompts(requests)
        return [self.TooManyCharacters(f"{len(text)} characters") if len(text) > 10 else text for text in texts]


def answers(engine: EchoEngine, *requests: Any) -> list[Any]:
    """Replies or errors, in the requests' order."""

    async def ask() -> list[Any]:
        found = {}
        async for payload in engine.answer(encode_batch(requests)):
            found.update(decode_answers(payload).answers)
        return [found[k] if isinstance(found[k], list) else found[k].exception() for k in range(len(requests))]

    return asyncio.run(ask())


def test_what_a_kind_cannot_do_is_refused_in_its_name() -> None:
    echo, scores, label = answers(
        EchoEngine("m/0", EchoModel()),
        request("hey"),
        ScoreRequest([1, 2], (1,), ""),
        ClassifyRequest({"conversation": "hey"}, ""),
    )
    assert echo[0].text == "hey"
    assert isinstance(scores, ModelError) and "kind echo gives no log-probabilities of tokens" in str(scores)
    assert isinstance(label, ModelError) and "kind echo gives rows no labels" in str(label)


def test_a_prompt_that_cannot_be_prepared_fails_alone_and_its_error_arrives_as_the_nearest_known() -> None:
    long, short = answers(ShortEngine("m/0", EchoModel()), request("a" * 11), request("a" * 10))
    assert type(long) is PromptTooLong and "11 characters" in str(long)
    assert short[0].text == "a" * 10


def test_a_request_is_given_up_at_the_time_out_of_its_model() -> None:
    (error,) = answers(EchoEngine("m/0", EchoModel(request_timeout_s=0.01, latency_s=5)), request("hey"))
    assert isinstance(error, RequestTimedOut) and "0.01 s" in str(error)


def test_figures_are_of_what_was_answered() -> None:
    engine = EchoEngine("m/0", EchoModel(tokens=3))
    answers(engine, request("a b", n=2), ScoreRequest([1], (), ""))
    assert {name: engine.stats()[name] for name in ("replies", "tokens_in", "tokens_out", "running")} == {
        "replies": 2,
        "tokens_in": 2,
        "tokens_out": 6,
        "running": 0,
    }
