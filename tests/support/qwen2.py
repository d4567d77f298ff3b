"""A random Qwen2 of two layers and tokens for it; for tests of what is done to a student."""

from __future__ import annotations

from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

IDS = torch.arange(24).reshape(2, 12)


def small_student(dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    config = Qwen2Config(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=64,
    )  # fmt: skip
    return Qwen2ForCausalLM(config).to(dtype)
