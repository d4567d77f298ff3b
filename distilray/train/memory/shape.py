"""The sizes of a transformer that its memory and its arithmetic depend on, from its ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distilray.train.settings import LoraSettings

FP32, BF16 = 4, 2
"""Bytes per number."""
UNGATED = {"bert", "roberta", "xlm-roberta", "camembert", "electra", "mpnet", "deberta-v2", "xlm-roberta-xl"}
"""Models (``model_type``) whose MLP has no gate."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a transformer that its memory depends on."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    tied: bool
    biases: bool
    gated: bool = True
    """Whether the MLP has a gate: three maps, not two."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Shape:
        """From a Hugging Face ``config.json`` of a dense transformer; :class:`KeyError` names a missing key."""
        heads = config["num_attention_heads"]
        return cls(
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            intermediate=config["intermediate_size"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head=config.get("head_dim") or config["hidden_size"] // heads,
            vocabulary=config["vocab_size"],
            tied=bool(config.get("tie_word_embeddings", False)),
            biases=bool(config.get("attention_bias", config.get("model_type") == "qwen2")),
            gated=config.get("model_type") not in UNGATED,
        )

    @property
    def queries(self) -> int:
        """Numbers per token in all heads' queries."""
        return self.heads * self.head

    @property
    def keys(self) -> int:
        return self.kv_heads * self.head

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """``(inputs, outputs)`` of a layer's linear maps."""
        attention = [(self.hidden, self.queries), (self.hidden, self.keys), (self.hidden, self.keys)]
        attention += [(self.queries, self.hidden)]
        inner = [(self.hidden, self.intermediate)] * (2 if self.gated else 1)
        return attention + inner + [(self.intermediate, self.hidden)]

    @property
    def layer_parameters(self) -> int:
        biases = self.queries + 2 * self.keys if self.biases else 0
        return sum(a * b for a, b in self.matrices) + biases + 2 * self.hidden

    @property
    def head_parameters(self) -> int:
        return self.vocabulary * self.hidden

    @property
    def embedding_parameters(self) -> int:
        """Of everything outside the layers: embeddings, head, last norm."""
        return self.head_parameters * (1 if self.tied else 2) + self.hidden

    @property
    def parameters(self) -> int:
        return self.layers * self.layer_parameters + self.embedding_parameters

    def adapter_parameters(self, lora: LoraSettings) -> int:
        """Of adapters on all linear maps of the layers."""
        return self.layers * lora.r * sum(a + b for a, b in self.matrices)

    @property
    def inner(self) -> int:
        """Numbers per token that the MLP keeps: its gate, both inputs of the product and the product, or the map before
        and after its activation."""
        return (4 if self.gated else 2) * self.intermediate

    def layer_activations(self, precision: str, *, cast_inputs: bool, masked: bool = False) -> int:
        """Bytes per token that one layer keeps for its backward pass.

        ``cast_inputs``: the residual stream is fp32 and each linear map keeps a bf16 copy of its input (autocast over
        fp32 weights); under FSDP2 the stream itself is bf16, and maps that share an input keep one. ``masked``:
        attention has a mask, and then keys and values once for every head.
        """
        keys = self.queries if masked else self.keys
        attention = 2 * self.queries + 2 * keys  # queries, keys and values as rotated, and the result
        if precision == "fp32":
            return FP32 * (6 * self.hidden + attention + self.inner)
        inner = BF16 * (attention + self.inner)
        norms = 2 * 2 * FP32 + 5 * BF16 if cast_inputs else 2 * (FP32 + 2 * BF16)
        return norms * self.hidden + inner
