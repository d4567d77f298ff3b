"""What tests of distillation share: a teacher's scores of token files, made by transformers in place of an engine."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM

from distilray.ledger import Store
from distilray.models.scores import pack
from distilray.train.distill import DistillSettings
from distilray.train.distill.divergence import Objective, top_k_of
from distilray.train.distill.scores import (
    ScoreCounts,
    scored_row,
    scores_path,
    token_rows,
    trained_positions,
    write_scores,
)

K = 8
FORWARD = Objective({"forward_kl": 1.0})


def settings(**changes: Any) -> DistillSettings:
    base = {"student": "tiny", "epochs": 1, "max_length": 256, "top_k": K}
    if "teachers" not in changes:
        base["teacher"] = "teacher"
    return DistillSettings.model_validate({**base, **changes})


def model_at(path: str) -> Any:
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


def logits_of(model: Any, row: dict[str, Any]) -> torch.Tensor:
    """At the trained positions of one row, ``(n, vocabulary)``."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0]
    return logits[[place - 1 for place in trained_positions(row["labels"])]]


def score(store: Store, path: str, teacher: Any, name: str = "teacher", leave_out: str = "") -> None:
    """As an engine does, but by transformers."""
    scored = []
    for row in token_rows(store, path):
        top = top_k_of(logits_of(teacher, row), K)
        if row["id"] != leave_out:
            scored.append(
                scored_row(row["id"], trained_positions(row["labels"]), pack(top.ids.numpy(), top.log_probs.numpy()))
            )
    write_scores(store, scores_path(path, name), scored, "key", ScoreCounts(kept=len(scored)))
