"""Trainings of a tiny student whose settings differ in nothing but what is named: the same batch, schedule and warm-up
for a method and for its control."""

from __future__ import annotations

from typing import Any

import distilray as dr

BATCH = 32
RESOURCES = dr.train.TrainResources(workers=1, cpus_per_worker=1)
"""One worker on one core: at this size several only wait for each other."""

COMMON: dict[str, Any] = {
    "student": "student", "batch_size": BATCH, "micro_batch_size": BATCH, "max_length": 320, "schedule": "linear",
    "warmup": 0.1, "precision": "fp32", "sharding": "ddp", "save_every": 100,
}  # fmt: skip


def sft(steps: int, rate: float, **settings: Any) -> tuple[dr.train.SFTSettings]:
    return (dr.train.SFTSettings(**{**COMMON, "max_steps": steps, "learning_rate": rate, **settings}),)


def dpo(steps: int, rate: float, **settings: Any) -> tuple[dr.train.DPOSettings]:
    """A row's own beta counts only where ``row_beta`` says so."""
    settings = {"row_beta": False, **settings}
    return (dr.train.DPOSettings(**{**COMMON, "max_steps": steps, "learning_rate": rate, **settings}),)
