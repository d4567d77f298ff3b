"""Preference pairs whose truth is known: a worked sum against one that goes wrong in its last line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import torch.distributed as dist

from distilray.ledger import UnitCounts, UnitInput, write_unit
from distilray.rows import schema_with
from distilray.storage import Store
from distilray.train import DPOSettings
from tests.support.tiny import rows

SCHEMA = schema_with({"beta": "float", "gap": "string"})
BETAS = (0.05, 0.1, 0.2)


def settings(**changes: Any) -> DPOSettings:
    base: dict[str, Any] = {
        "student": "tiny",
        "max_steps": 12,
        "max_length": 256,
        "batch_size": 16,
        "micro_batch_size": 8,
        "learning_rate": 3e-4,
        "precision": "fp32",
        "log_every": 1,
        "save_every": 4,
    }
    return DPOSettings.model_validate({**base, **changes})


def pairs(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Each with a beta of its own, in turn one of ``BETAS``."""
    made = rows(count, seed=seed)
    for k, row in enumerate(made):
        text, _, total = row["answer"].rpartition(" ")
        row |= {"rejected_answer": f"{text} {int(total) + 1 + k % 9}", "beta": BETAS[k % 3], "gap": "large"}
    return made


def pair_units(store: Store, made: list[dict[str, Any]], *, size: int = 64) -> list[UnitInput]:
    inputs = []
    for start in range(0, len(made), size):
        path = f"steps/02-pairs/unit-{start // size:06d}.parquet"
        write_unit(store, path, pa.Table.from_pylist(made[start : start + size], SCHEMA), SCHEMA, UnitCounts())
        inputs.append(UnitInput(path))
    return inputs


@contextmanager
def alone() -> Iterator[None]:
    """A process group of one, as a worker has it."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()
