"""Steps that benchmarks add to see more; in a module of their own, so that runners can import them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import ClassVar

from distilray.models import ModelError, Reply
from distilray.prompts import PLAIN, RATE_TRACE
from distilray.rows import Outcome, Row, failed, kept
from distilray.steps import AlignTrace, ModelName, Models, RateTrace, Step


class OtherRatings(Step):
    """Rates the rows of the source ``traces`` by majority and by log-probabilities, as rate_trace would."""

    reads: ClassVar = ("messages", "answer")
    writes: ClassVar = {"by_majority": "string", "by_logprobs": "string"}
    prompts: ClassVar = (RATE_TRACE,)

    model: ModelName

    async def process(self, row: Row, models: Models) -> Outcome:
        if row["source"] != "traces":
            return kept()
        majority = await RateTrace(model=self.model, votes=5).process(row, models)
        likeliest = await RateTrace(model=self.model, by="logprobs").process(row, models)
        return kept(by_majority=majority.columns["rating"], by_logprobs=likeliest.columns["rating"])


class Observed(AlignTrace):
    """align_trace, with when each row began and ended and what was asked for it."""

    writes: ClassVar = {**AlignTrace.writes, "began": "float", "ended": "float", "asked": "list<string>"}

    async def process(self, row: Row, models: Models) -> Outcome:
        asked: list[str] = []

        def note(model: str, messages: list[dict[str, str]], replies: list[Reply]) -> None:
            asked.append(json.dumps([messages, replies[0].tokens_out]))

        models._access = replace(models._access, watch=note)  # type: ignore[attr-defined]
        began = time.time()
        try:
            outcome = await super().process(row, models)
        except ModelError as error:  # a reply that was truncated again and again: what it cost counts too
            outcome = failed(f"{type(error).__name__}: {error}")
        return replace(outcome, columns={**outcome.columns, "began": began, "ended": time.time(), "asked": asked})


class StudentSamples(Step):
    """Keeps several answers of the student, whatever they are."""

    reads: ClassVar = ("messages",)
    writes: ClassVar = {"samples": "list<string>"}
    prompts: ClassVar = (PLAIN,)

    model: ModelName
    samples: int = 8

    async def process(self, row: Row, models: Models) -> Outcome:
        replies = await models[self.model].replies(PLAIN, row, n=self.samples)
        return kept(samples=[reply.text for reply in replies])
