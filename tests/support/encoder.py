"""Practice problems with their labels, and settings for learning them; for tests that train a classifier."""

from __future__ import annotations

import random
from typing import Any

from distilray.ledger import UnitInput
from distilray.practice.arithmetic import Split, draw_problem, record
from distilray.rows import schema_with
from distilray.storage import Store
from distilray.train import ClassifySettings
from tests.support import tiny

SCHEMA = schema_with({"operation": "string", "level": "int", "share": "float"})


def problems(count: int, *, seed: int = 0, split: Split = "train") -> list[dict[str, Any]]:
    """Word problems in both languages, labelled by language and operation: ``en +``, ``zh -``, ..."""
    dice, made = random.Random(f"labels-{seed}"), []
    for number in range(count):
        problem = draw_problem(dice, split)
        label = f"{problem.language} {problem.operation}"
        row = {"id": f"{split}-{seed}:{number}", "outcome": "kept", "operation": label, **record(problem)}
        made.append(row | {"level": problem.a // 500, "share": problem.a / 1000})
    return made


def write_units(store: Store, made: list[dict[str, Any]], *, size: int = 100) -> list[UnitInput]:
    return tiny.write_units(store, made, size=size, step="01-label", schema=SCHEMA)


def settings(**changes: Any) -> ClassifySettings:
    base: dict[str, Any] = {"student": "tasks", "column": "operation", "max_steps": 120, "batch_size": 32,
                            "micro_batch_size": 16, "max_length": 128, "learning_rate": 3e-3, "precision": "fp32",
                            "log_every": 1, "save_every": 40, "evaluate_every": 60, "holdout": 0.2}  # fmt: skip
    return ClassifySettings.model_validate(base | changes)
