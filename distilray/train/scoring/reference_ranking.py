"""How a reference ranks the pairs before any preference training: what is left to learn.

    {"pairs": 300, "accuracy": 1.0, "margin": 41.2, "accuracy_per_token": 0.99, "margin_per_token": 0.31}

Read from the reference's stored log-probabilities. DPO moves a student from its reference; where the reference already
gives the chosen answer the higher probability nearly everywhere, its steps only make that difference larger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from distilray.storage import Store, read_parquet
from distilray.train.scoring.references import CHOSEN, REJECTED, reference_path

RANKING = "reference.json"
"""File below the training's folder."""
LEARNED = 0.98
"""Share of pairs ranked right above which nothing is left to learn."""
PER_TOKEN = ("sigmoid_norm", "ipo")
"""Losses that compare means over tokens; the others compare sums."""


def reference_ranking(store: Store, tokens: Sequence[str]) -> dict[str, Any]:
    """Of all kept pairs of the token files ``tokens``: the share whose chosen answer has the higher log-probability
    (``accuracy``), and the mean difference in nats (``margin``); both also per token."""
    parts = [_differences(read_parquet(store, reference_path(path))) for path in tokens]
    sums, means = (np.concatenate([part[k] for part in parts]) if parts else np.zeros(0) for k in (0, 1))
    if not len(sums):
        return {"pairs": 0}
    return {
        "pairs": len(sums),
        "accuracy": round(float((sums > 0).mean()), 4),
        "margin": round(float(sums.mean()), 4),
        "accuracy_per_token": round(float((means > 0).mean()), 4),
        "margin_per_token": round(float(means.mean()), 4),
    }


def ranking_warnings(ranking: Mapping[str, Any], settings: Any) -> list[str]:
    """What is doubtful about a preference training on pairs that its reference ranks so. ``settings``: of the class
    :class:`~distilray.train.methods.dpo.settings.DPOSettings`."""
    pairs = ranking["pairs"]
    if not pairs:
        return []
    accuracy = ranking["accuracy_per_token" if set(settings.loss) & set(PER_TOKEN) else "accuracy"]
    if accuracy <= LEARNED:
        return []
    return [
        f"the reference ranks {accuracy:.1%} of {pairs} pairs right before the first step, so nothing is left to "
        "learn from them; make pairs of the student's own wrong answers (`preference_pairs`)"
    ]


def _differences(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Chosen minus rejected, for each row: of the sums over tokens, and of the means."""
    columns = [table[name].to_pylist() for name in (CHOSEN, REJECTED)]
    sums = [np.array([float(np.sum(some)) for some in column]) for column in columns]
    means = [np.array([float(np.mean(some)) for some in column]) for column in columns]
    return sums[0] - sums[1], means[0] - means[1]
