"""A tiny random Qwen2 with a byte-level tokenizer, and a way to ask one pool from a plain test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from distilray.models import GenerateRequest, PoolClient, PoolHandles, Sampling

T = TypeVar("T")

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A checkpoint of 0.1 M random parameters that vLLM loads in fp32; 32 is the smallest head it takes on CPU."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    path = tmp_path_factory.mktemp("tiny-model")
    bytes_only = Tokenizer(models.BPE())
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bytes_only.train_from_iterator([""], trainers.BpeTrainer(vocab_size=256, initial_alphabet=alphabet))
    bytes_only.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_only, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHAT_TEMPLATE
    )
    tokenizer.save_pretrained(path)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=320,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=1024,
        initializer_range=0.2,  # the default makes every next token about as likely as any other
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    Qwen2ForCausalLM(config).save_pretrained(path)
    return str(path)


def request(
    text: str, *, n: int = 1, seed: int = 1, constraint=None, affinity: str = "", **sampling
) -> GenerateRequest:
    """A request of one user message."""
    messages = [{"role": "user", "content": text}]
    return GenerateRequest(messages, Sampling(**sampling), seed, affinity or text, n, constraint)


def with_client(handles: PoolHandles, work: Callable[[PoolClient], Awaitable[T]]) -> T:
    """What ``work`` makes of a client of ``handles``."""

    async def run() -> T:
        async with PoolClient(handles) as client:
            return await work(client)

    return asyncio.run(run())


def copy_of(model: str, to: Path) -> Path:
    """A checkpoint that a test may damage."""
    to.mkdir()
    for file in Path(model).iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to
