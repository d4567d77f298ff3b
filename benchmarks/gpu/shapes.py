"""Shapes of the students that stages build with random weights."""

from __future__ import annotations

from typing import Any

from benchmarks.gpu.stage import Check

TINY = {"num_hidden_layers": 2, "hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 1000}  # fmt: skip


def config_of(size: str, check: Check) -> dict[str, Any]:
    """config.json of Qwen2.5 of ``size``; in a rehearsal that of a student of two narrow layers."""
    from distilray.checkpoints.published import QWEN2_5

    return {**QWEN2_5[size], **(TINY if check.rehearsed else {})}
