"""Batches of rows that are padded on the right need no attention mask.

In a causal model no token sees what comes after it, so it never sees the padding, and padding is not trained on.
Without a mask PyTorch takes its causal kernels, which neither read a mask of ``length`` squared numbers nor repeat the
keys and values of grouped heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def unmasked(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """``inputs`` of a causal model, padded on the right as all collators here pad, without their attention mask."""
    return {name: value for name, value in inputs.items() if name != "attention_mask"}
