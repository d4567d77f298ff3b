"""Sizes of published models that recipes often name, so that a plan needs neither their weights nor a model hub.

The numbers are those of the ``config.json`` that each model is published with.
"""

from __future__ import annotations

import re
from typing import Any

from distilray.checkpoints.files import local_config
from distilray.checkpoints.hub import cached_config


def _qwen2_5(layers: int, hidden: int, intermediate: int, heads: int, kv_heads: int, *, small: bool) -> dict[str, Any]:
    return {
        "model_type": "qwen2",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": 151936 if small else 152064,
        "tie_word_embeddings": small,
        "max_position_embeddings": 32768,
    }


QWEN2_5: dict[str, dict[str, Any]] = {
    "0.5B": _qwen2_5(24, 896, 4864, 14, 2, small=True),
    "1.5B": _qwen2_5(28, 1536, 8960, 12, 2, small=True),
    "3B": _qwen2_5(36, 2048, 11008, 16, 2, small=True),
    "7B": _qwen2_5(28, 3584, 18944, 28, 4, small=False),
    "14B": _qwen2_5(48, 5120, 13824, 40, 8, small=False),
    "32B": _qwen2_5(64, 5120, 27648, 40, 8, small=False),
    "72B": _qwen2_5(80, 8192, 29568, 64, 8, small=False),
}
QWEN2 = {size: QWEN2_5[size] for size in ("0.5B", "1.5B", "7B", "72B")}
"""Qwen2's dense models have the shapes of their successors."""
FAMILIES = {"Qwen2": QWEN2, "Qwen2.5": QWEN2_5}
_NAME = re.compile(r"Qwen/(?P<family>Qwen2(?:\.5)?)-(?P<size>[\d.]+B)(?:-Instruct)?")


def published_config(name: str) -> dict[str, Any] | None:
    """The sizes of the model that the hub calls ``name`` (``Qwen/Qwen2.5-7B-Instruct``), if known here."""
    found = _NAME.fullmatch(name)
    return None if found is None else FAMILIES[found["family"]].get(found["size"])


def known_config(path: str) -> dict[str, Any] | None:
    """The config.json of the checkpoint at ``path``, as far as it is on this machine, or the sizes of a published model
    of that name."""
    return local_config(path) or cached_config(path) or published_config(path)
