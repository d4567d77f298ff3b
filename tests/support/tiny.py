"""Rows that a tiny student can learn, and unit files of them; for tests and benchmarks of trainings."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa

from distilray.ledger import UnitCounts, UnitInput, write_unit
from distilray.rows import CORE
from distilray.storage import Store


def rows(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Sums with their column steps written out, of different lengths."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        terms = [dice.randrange(1, 10 ** dice.randrange(1, 4)) for _ in range(dice.randrange(2, 6))]
        sums = [sum(terms[: k + 1]) for k in range(len(terms))]
        steps = ". ".join(f"{a} plus {b} is {c}" for a, b, c in zip(sums, terms[1:], sums[1:], strict=False))
        made.append(
            {
                "id": f"tiny:{number}",
                "messages": [{"role": "user", "content": "What is " + " plus ".join(map(str, terms)) + "?"}],
                "reasoning": f"add from left to right: {steps}",
                "answer": f"{steps}. The answer is {sums[-1]}",
                "outcome": "kept",
            }
        )
    return made


def write_units(
    store: Store, made: list[dict[str, Any]], *, size: int = 64, step: str = "01-answer", schema: pa.Schema = CORE
) -> list[UnitInput]:
    """``made`` as unit files of a phase."""
    inputs = []
    for start in range(0, len(made), size):
        path = f"steps/{step}/unit-{start // size:06d}.parquet"
        write_unit(store, path, pa.Table.from_pylist(made[start : start + size], schema), schema, UnitCounts())
        inputs.append(UnitInput(path))
    return inputs
