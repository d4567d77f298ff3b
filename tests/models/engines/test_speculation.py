"""N-gram speculation, the setting for rewriters: drafts come from the prompt, and what is said stays the same."""

from __future__ import annotations

import asyncio

import pytest

from distilray.models import EnginePools, GenerateRequest, Sampling, VLLMModel
from distilray.practice import traces
from distilray.prompts import SHORTEN_TRACE
from distilray.rows import Row
from tests.support.models import with_client

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("ray_cluster")]

# fp32: in bf16 the sums of a step over several tokens round otherwise than those over one
REWRITER = VLLMModel(
    path="package://distilray.practice/checkpoints/judge", dtype="float32", max_model_len=512, max_num_seqs=16, cpus=0.5
)


def requests() -> list[GenerateRequest]:
    hard = traces(24, seed=3, wrong=0.0, shares={"hard": 1}, split="held_out")
    asked = []
    for k, record in enumerate(hard):
        row = Row({"id": f"t/{k}", "language": record["language"], "messages": record["messages"]})
        messages = SHORTEN_TRACE.messages(row, trace=record["reasoning"], answer=record["answer"])
        asked.append(GenerateRequest(messages, Sampling(max_tokens=160), seed=k, affinity=row.id))
    return asked


def test_a_rewriter_that_drafts_from_its_prompt_says_the_same(tmp_path) -> None:
    drafting = REWRITER.model_copy(
        update={"speculation": {"method": "ngram", "num_speculative_tokens": 3, "prompt_lookup_max": 4}}
    )
    drafting = VLLMModel.model_validate(drafting.model_dump())
    asked = requests()

    async def work(client):
        return [await asyncio.gather(*(client.ask(name, one) for one in asked)) for name in ("plain", "drafting")]

    with EnginePools("test-speculation", logs=str(tmp_path)) as pools:
        plain, drafted = with_client(pools.start({"plain": REWRITER, "drafting": drafting}), work)
    assert [reply.text for (reply,) in drafted] == [reply.text for (reply,) in plain]
    assert all(reply.finish_reason == "stop" for (reply,) in drafted)
    assert any(
        "SpeculativeConfig(" in path.read_text("utf-8", errors="replace") for path in tmp_path.glob("drafting-*.log")
    )
