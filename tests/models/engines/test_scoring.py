"""A real vLLM engine scores given tokens, and goes on from token ids."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from distilray.models import (
    EnginePools,
    GenerateRequest,
    ModelError,
    PoolHandles,
    Request,
    Sampling,
    ScoreRequest,
    VLLMModel,
)
from tests.support.models import with_client

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]

SETTINGS = VLLMModel(path="", dtype="float32", max_model_len=128, kv_cache_gib=0.125, max_num_seqs=16, cpus=0.5)
ROWS = [[(7 * k + 3 * i * i) % 256 for i in range(20 + 5 * k)] for k in range(8)]


@pytest.fixture(scope="module")
def handles(ray_cluster: None, tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PoolHandles]:
    with EnginePools("test-scoring", logs=str(tmp_path_factory.mktemp("logs"))) as pools:
        yield pools.start({"m": SETTINGS.model_copy(update={"path": tiny_model}).scoring(32)})


def ask_all(handles: PoolHandles, requests: list[Request]):
    async def work(client):
        return await asyncio.gather(*[client.ask("m", one) for one in requests], return_exceptions=True)

    return with_client(handles, work)


def scoring(tokens: list[int], k: int = 32) -> ScoreRequest:
    return ScoreRequest(tokens, tuple(range(5, len(tokens))), "row", k)


def dense(path: str, tokens: list[int]) -> np.ndarray:
    """Log-probabilities of every token of the vocabulary at each position, by transformers."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    with torch.no_grad():
        return model(input_ids=torch.tensor([tokens])).logits[0].log_softmax(-1).numpy()


def assert_right(path: str, found: list) -> None:
    for tokens, [reply] in zip(ROWS, found, strict=True):
        ids, log_probs, rest = reply.scores.arrays()
        wanted = dense(path, tokens)[4 : len(tokens) - 1]  # token 5 is told by position 4
        np.testing.assert_allclose(log_probs, np.take_along_axis(wanted, ids, -1), atol=4e-3, rtol=1e-3)
        np.testing.assert_allclose(log_probs, -np.sort(-wanted, -1)[:, :32], atol=4e-3, rtol=1e-3)
        np.testing.assert_allclose(rest, 1 - np.exp(np.take_along_axis(wanted, ids, -1)).sum(-1), atol=1e-4)
        assert reply.tokens_in == len(tokens)


def test_scores_are_the_log_probabilities_of_transformers(handles, tiny_model) -> None:
    assert_right(tiny_model, ask_all(handles, [scoring(tokens) for tokens in ROWS]))


def test_it_goes_on_from_token_ids_and_says_which_it_wrote(handles, tiny_model) -> None:
    asked = [GenerateRequest([], Sampling(max_tokens=9, ignore_eos=True), 0, "row", tokens=tokens) for tokens in ROWS]
    for tokens, [reply] in zip(ROWS, ask_all(handles, asked), strict=True):
        assert reply.tokens is not None
        whole = [*tokens, *reply.tokens]
        assert reply.tokens == dense(tiny_model, whole)[len(tokens) - 1 : -1].argmax(-1).tolist()


def test_more_log_probabilities_than_the_engine_was_started_for_are_refused(handles) -> None:
    [error] = ask_all(handles, [scoring(ROWS[0], k=40)])
    assert isinstance(error, ModelError)
    assert "40" in str(error)
