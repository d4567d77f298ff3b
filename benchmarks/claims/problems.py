"""Problems of the practice world that were not met before, by their operands."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Key = tuple[str, ...]

CONVERGED_ROWS = 20_000
"""More examples than the converged student was trained on, its further steps included."""


def operands(record: dict[str, Any]) -> Key:
    """What the problem calculates: its two numbers in order of size, and the result, which tells sum and difference
    apart."""
    numbers = re.findall(r"\d+", record["messages"][-1]["content"])
    return (*sorted(numbers), record["reference"])


def fresh(records: Iterable[dict[str, Any]], seen: set[Key]) -> Iterator[dict[str, Any]]:
    """The records whose operands are not among ``seen``, which grows by theirs."""
    for record in records:
        key = operands(record)
        if key not in seen:
            seen.add(key)
            yield record


def trained_on(role: str = "student_converged") -> set[Key]:
    """What the packaged student of that role was trained on."""
    from distilray.practice import arithmetic
    from distilray.practice.roles import CURRICULA  # torch
    from distilray.practice.training import examples

    stream = examples(CURRICULA[role].mix, seed=1)
    return {operands(arithmetic.record(e.problem)) for e in itertools.islice(stream, CONVERGED_ROWS)}


def write_records(path: Path, records: Iterable[Any]) -> Path:
    """Writes JSON lines, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return partial.replace(path)


def read_records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
