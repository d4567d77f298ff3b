"""A model's log-probabilities of given tokens by transformers, as trainers compute them; no engine involved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from distilray.checkpoints import local_student


class ProbeRow(msgspec.Struct, frozen=True):
    """Tokens that a model is asked about at ``positions``, from 1 on."""

    id: str
    tokens: list[int]
    positions: tuple[int, ...]


def forward_log_probs(path: str, dtype: str, rows: Sequence[ProbeRow]) -> tuple[str, list[list[float]]]:
    """The type of the loaded weights, and for each row a log-probability in nats per position.

    ``path``: anything that :func:`~distilray.checkpoints.local_student` accepts; ``dtype``: a name of torch's, or
    ``auto`` for the checkpoint's own. On the GPUs that this process has, layer by layer over several.
    """
    import torch
    from transformers import AutoModelForCausalLM

    device: Any = "auto" if torch.cuda.device_count() > 1 else ("cuda" if torch.cuda.is_available() else "cpu")
    place = {} if device == "cpu" else {"device_map": device}
    model = AutoModelForCausalLM.from_pretrained(local_student(path), dtype=dtype, **place).eval()
    return str(model.dtype).removeprefix("torch."), log_probs_of(model, rows, model.device)


def log_probs_of(model: Any, rows: Sequence[ProbeRow], device: Any) -> list[list[float]]:
    """For each row a log-probability in nats per position, by transformers' ``model``, which takes its inputs on
    ``device``."""
    import torch

    found = []
    for row in rows:
        ids = torch.tensor([row.tokens], device=device)
        with torch.no_grad():
            logits = model(input_ids=ids, use_cache=False).logits[0, [place - 1 for place in row.positions]]
        found.append(given_log_probs(logits, row).tolist())
    return found


def given_log_probs(logits: Any, row: ProbeRow) -> Any:
    """Of the row's tokens at its positions, shape ``(n,)``, from the ``logits`` before them, ``(n, vocabulary)``."""
    import torch

    given = torch.tensor([row.tokens[place] for place in row.positions], device=logits.device)
    return logits.float().log_softmax(-1).gather(1, given[:, None])[:, 0]
