"""Preference pairs: a worked sum against one that goes wrong in its last line; for tests and benchmarks of DPO."""

from __future__ import annotations

from typing import Any

from distilray.ledger import UnitInput
from distilray.rows import schema_with
from distilray.storage import Store
from distilray.train import DPOSettings
from tests.support.specs import SHORT
from tests.support.tiny import rows, write_units

SCHEMA = schema_with({"beta": "float", "gap": "string"})
BETAS = (0.05, 0.1, 0.2)


def settings(**changes: Any) -> DPOSettings:
    return DPOSettings.model_validate({**SHORT, "learning_rate": 3e-4, **changes})


def pairs(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Each with a beta of its own, in turn one of ``BETAS``."""
    made = rows(count, seed=seed)
    for k, row in enumerate(made):
        text, _, total = row["answer"].rpartition(" ")
        row |= {"rejected_answer": f"{text} {int(total) + 1 + k % 9}", "beta": BETAS[k % 3], "gap": "large"}
    return made


def pair_units(store: Store, made: list[dict[str, Any]], *, size: int = 64) -> list[UnitInput]:
    return write_units(store, made, size=size, step="02-pairs", schema=SCHEMA)
