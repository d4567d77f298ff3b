"""Whether the attention of a model can be shared by workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.train.errors import CannotTrain


def check_shared_attention(config: Mapping[str, Any], size: int, student: str) -> None:
    """Raises :class:`CannotTrain` where the attention of a model with this ``config.json`` cannot be shared by ``size``
    workers."""
    heads = config.get("num_attention_heads")
    if heads is None or heads % size:
        raise CannotTrain(
            f"student {student!r}: {heads} attention heads cannot be shared by sequence_parallel {size} workers; take "
            f"a divisor of {heads}"
        )
    windows = config.get("use_sliding_window", config.get("sliding_window") is not None)
    if windows or "sliding_attention" in (config.get("layer_types") or ()):
        raise CannotTrain(
            f"student {student!r}: layers that attend to a window are not shared by workers; set sequence_parallel: 1"
        )
