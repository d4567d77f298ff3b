"""Tiny random models under the real Qwen2.5 tokenizer that end their answers now and then, as trained ones do."""

from __future__ import annotations

from pathlib import Path

from tests.support.checkpoints import random_qwen2
from tests.support.templates import FAMILIES, real_tokenizer

VOCABULARY = 151_936
SPREAD, INNER = 0.5, 0.1
"""Of the embeddings and the head, and of the layers: sure of its next token, so that no rounding changes it."""
CONSTANT, END = 4.0, 2.25
"""Every embedding's first number, which no layer reads or writes, and what the head's row of the end of a turn weighs
of it: a turn ends as often after any token."""


def make_real_student(folder: Path, family: str, seed: int = 0) -> str:
    """A Qwen2 of 19 M parameters, all but 0.1 M of them in embeddings and head, with the tokenizer of ``family``
    (:data:`tests.support.templates.FAMILIES`), in fp32. Skips where the real tokenizer is absent."""
    import torch
    from transformers import AutoTokenizer

    template = FAMILIES[family]
    place = real_tokenizer(folder, template)
    tokenizer = AutoTokenizer.from_pretrained(place)
    model = random_qwen2(
        tokenizer, vocab_size=VOCABULARY, hidden_size=64, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=32_768, tie_word_embeddings=False,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.copy_(torch.randn(weight.shape, generator=generator))
                weight.mul_(SPREAD if len(weight) == VOCABULARY else INNER)
                weight[:, 0] = 0
                if len(weight) != VOCABULARY:
                    weight[0] = 0
        model.get_input_embeddings().weight[:, 0] = CONSTANT
        model.lm_head.weight[tokenizer.convert_tokens_to_ids(template.end)] = torch.eye(64)[0] * END
    model.save_pretrained(place)
    return str(place)
