"""Answers that are called good or bad, as tokens, and KTO's loss on them in fp64; for tests of KTO."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import Any

import torch

from distilray.rows import schema_with
from distilray.storage import Store
from distilray.train import KTOSettings
from distilray.train.data.tokens import tokenize_unit
from tests.support import losses_written_out as written
from tests.support.gradients import exact_model, gradient_of
from tests.support.preferred import TOKENS
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units

BASE = {"kind": "kto", "student": "tiny", "max_steps": 4, "batch_size": 4, "max_length": 256, "precision": "fp32"}


def settings(**changes: Any) -> KTOSettings:
    return KTOSettings.model_validate({**BASE, **changes})


def rated(folder: Path, student: str, *, count: int = 8, bad: Container[int] = (0, 3, 6)) -> Store:
    """A store in ``folder`` with ``count`` rows as tokens, those at ``bad`` with a bad answer."""
    store = Store(folder)
    made = [row | {"label": k not in bad} for k, row in enumerate(rows(count))]
    (unit,) = write_units(store, made, schema=schema_with({"label": "bool"}))
    tokenize_unit(spec_of(store, settings(), student), unit, TOKENS, "key")
    return store


def moved_away(student: str, folder: Path, by: float = 0.02) -> str:
    """A copy in ``folder`` of the student, each weight moved at random."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return str(folder)


def kto_in_fp64(
    student: str, reference: str, some: list[dict[str, Any]], chosen: KTOSettings
) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradient of one step on the rows ``some``: the mean over them, against a reference point that is
    estimated as the paper does, from each prompt with the next row's answer."""
    model, frozen = exact_model(student), exact_model(reference)
    split = [_split(row) for row in some]
    with torch.no_grad():
        shifted = [(prompt, split[(k + 1) % len(split)][1]) for k, (prompt, _) in enumerate(split)]
        zero = torch.stack([_log_prob(model, *pair) - _log_prob(frozen, *pair) for pair in shifted]).mean().clamp(min=0)
    losses = []
    for (prompt, answer), row in zip(split, some, strict=True):
        with torch.no_grad():
            theirs = _log_prob(frozen, prompt, answer)
        weight = chosen.desirable_weight if row["desirable"] else chosen.undesirable_weight
        ratio = _log_prob(model, prompt, answer) - theirs
        losses.append(weight * written.kto(ratio, row["desirable"], chosen.beta, zero))
    loss = torch.stack(losses).mean()
    loss.backward()
    return loss.item(), gradient_of(model)


def _split(row: dict[str, Any]) -> tuple[list[int], list[int]]:
    start = next(place for place, label in enumerate(row["labels"]) if label != -100)
    end = max(place for place, label in enumerate(row["labels"]) if label != -100) + 1
    return row["input_ids"][:start], row["input_ids"][start:end]


def _log_prob(model: Any, prompt: list[int], answer: list[int]) -> torch.Tensor:
    ids = prompt + answer
    return written.log_probs(model(torch.tensor([ids])).logits[0], ids, len(prompt)).sum()
