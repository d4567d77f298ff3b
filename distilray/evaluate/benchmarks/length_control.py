"""AlpacaEval's length-controlled win rate: what it would be if responses were as long as the baseline's.

A logistic regression explains the preferences by the difference of the lengths, how difficult the instruction is, and
whether it is the model that answers; the rate is its mean prediction for the model at equal lengths (arXiv 2404.04475).
So that length gets the same weight whatever the model, two baselines that game length (told to be concise, verbose)
take part with a fifth of the weight.

instruction_difficulty.csv: index, instruction_difficulty
df_gamed.csv:               preference (0 to 1), std_delta_len, instruction_difficulty
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distilray.evaluate.statistics import Estimate, ratio

DIFFICULTIES = ("instruction_difficulty.csv",)
GAMED = ("df_gamed.csv", "df_gamed_rebuilt.csv")
GAMED_WEIGHT = 0.2
"""Of the baselines' rows together, where the model's weigh 1."""
RIDGE = 1e4
"""Inverse strength of the ridge. The board chooses one by cross-validation; this weak one agrees with it best."""


def controlled_win_rate(
    wins: Sequence[float], shorter: Sequence[int], places: Sequence[int], folder: str | None
) -> tuple[Estimate | None, str]:
    """The length-controlled win rate in percent, or what it lacks.

    ``wins`` are preferences from 0 to 1; ``shorter`` by how many characters each response is shorter than the
    baseline's; ``places`` the places of the instructions among the 805; ``folder`` holds the two files above.
    """
    difficulties, gamed = _file(folder, DIFFICULTIES), _file(folder, GAMED)
    if difficulties is None or gamed is None:
        lacking = " and ".join(
            " or ".join(names) for names, path in ((DIFFICULTIES, difficulties), (GAMED, gamed)) if path is None
        )
        return None, f"no length-controlled win rate: put {lacking} into DATA_DIR/alpaca_eval"
    difficulty = {int(row["index"]): float(row["instruction_difficulty"]) for row in _rows(difficulties)}
    absent = [place for place in places if place not in difficulty]
    if absent:
        return None, f"no length-controlled win rate: {difficulties} has no difficulty of instruction {absent[0]}"
    return _fitted(wins, shorter, [difficulty[place] for place in places], _rows(gamed)), ""


def _fitted(
    wins: Sequence[float], shorter: Sequence[int], difficulty: Sequence[float], gamed: Sequence[dict[str, Any]]
) -> Estimate:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    differences = np.asarray(shorter, dtype=float)
    spread = differences.std(ddof=1) if len(set(shorter)) > 1 else 1.0  # the baseline itself has no differences
    ours = np.stack([np.tanh(differences / spread), np.asarray(difficulty), np.ones(len(wins))], axis=1)
    theirs = np.array(
        [[math.tanh(float(row["std_delta_len"])), float(row["instruction_difficulty"]), 0.0] for row in gamed]
    )
    features = np.concatenate([ours, theirs])
    won = np.concatenate([np.asarray(wins), [float(row["preference"]) for row in gamed]])
    weight = np.concatenate([np.ones(len(wins)), np.full(len(gamed), GAMED_WEIGHT * len(wins) / len(gamed))])
    model = LogisticRegression(C=RIDGE, fit_intercept=False, max_iter=1000)
    # A preference of 0.3 is a loss of weight 0.7 and a win of weight 0.3.
    model.fit(
        np.concatenate([features, features]),
        np.concatenate([np.ones(len(won)), np.zeros(len(won))]),
        sample_weight=np.concatenate([weight * won, weight * (1 - won)]),
    )
    at_equal_length = ours * [0.0, 1.0, 1.0]
    return ratio([100.0 * float(chance) for chance in model.predict_proba(at_equal_length)[:, 1]])


def _file(folder: str | None, names: Sequence[str]) -> Path | None:
    return next((path for name in names if folder and (path := Path(folder) / name).is_file()), None)


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
