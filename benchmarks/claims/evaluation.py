"""What a student answers to the held-out problems of a seed: each once greedily and several times at temperature 1.

Every student of a seed gets the same problems, and for each of them the same sampling seeds, which are made of the
seed of the recipe and the row's id: answers can be compared problem by problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import distilray as dr
from distilray.evaluate import DIRECTORY, Style
from distilray.ledger import UnitInput, kept_rows
from distilray.steps import Step
from distilray.storage import Store

GREEDY, SAMPLED = "greedy", "sampled"
SAMPLES = 2
"""Answers to each problem; a greedy model that is asked for several samples them at temperature 1."""
FIRST_SEED = 9000
"""Seeds of held-out problems begin here."""


class HeldOut(dr.Questions):
    """Everybody is asked the question alone, as students are."""

    def step(self, model: str, style: Style) -> Step:
        return super().step(model, "plain")


def held_out(seed: int, questions: int, model: str) -> list[dr.Benchmark]:
    """The two benchmarks of ``seed``, to be answered by ``model``."""
    settings = {"rows": questions, "seed": FIRST_SEED + seed, "split": "held_out"}
    source = dr.Source(name="held-out", uses="distilray.practice:problems", with_=settings)
    return [
        HeldOut(name=GREEDY, source=source, models=(model,)),
        HeldOut(name=SAMPLED, source=source, models=(model,), samples=SAMPLES),
    ]


def answers(store: Store, model: str, benchmark: str, questions: int) -> dict[str, Any]:
    """The result of ``model``, with ``right``: one digit for each problem, the number of its right answers."""
    folder = f"{DIRECTORY}/{model}/{benchmark}"
    columns = ["id", "correct", "answer_tokens", "truncated"]
    units = [UnitInput(f"{folder}/{name}") for name in store.names(folder) if name.endswith(".parquet")]
    rows = [row for unit in units for row in kept_rows(store, unit, columns).to_pylist()]
    if len(rows) != questions:
        raise RuntimeError(f"{store.shown}/{folder}: {len(rows)} of {questions} problems were answered")
    rows.sort(key=lambda row: row["id"])
    return {
        "right": "".join(str(sum(row["correct"])) for row in rows),
        "samples": len(rows[0]["correct"]),
        "mean_output_tokens": round(sum(row["answer_tokens"] for row in rows) / len(rows), 2),
        "truncated": sum(row["truncated"] for row in rows),
    }


def shares(found: dict[str, Any]) -> Sequence[float]:
    """Of what :func:`answers` returned, the share of right answers to each problem."""
    return [int(digit) / found["samples"] for digit in found["right"]]
