"""How large a model is, as people call it: a Qwen2.5 of 7.6 billion parameters is a 7B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.checkpoints.published import known_config

_LEAST = 50_000_000
"""Parameters below which a model is a toy, of which no prompt speaks."""


def parameters_of(config: Mapping[str, Any]) -> int | None:
    """Parameters of a dense decoder with that config.json, norms and biases aside; None where it is of another kind."""
    if any("experts" in name for name in config):
        return None
    try:
        hidden, layers = config["hidden_size"], config["num_hidden_layers"]
        heads, vocabulary, inner = config["num_attention_heads"], config["vocab_size"], config["intermediate_size"]
    except KeyError:
        return None
    head = config.get("head_dim") or hidden // heads
    key_value = config.get("num_key_value_heads") or heads
    attention = 2 * hidden * head * (heads + key_value)
    embedding = vocabulary * hidden * (1 if config.get("tie_word_embeddings") else 2)
    return layers * (attention + 3 * hidden * inner) + embedding


def size_of(path: str) -> str | None:
    """``"7B"`` for the checkpoint at ``path``, or a published model of that name; None for a toy, and where no config
    of a dense decoder is on this machine."""
    count = parameters_of(known_config(path) or {})
    if count is None or count < _LEAST:
        return None
    billions = count / 1e9
    return f"{int(billions)}B" if billions >= 2 else f"{billions:.1f}B"
