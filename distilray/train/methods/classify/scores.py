"""How a classifier scores on rows it was not trained on.

    {"labels": ["code", "maths"], "rows": 221, "accuracy": 0.977, "standard_error": 0.010, "macro_f1": 0.976,
     "per_label": {"code": {"precision": .97, "recall": .98, "f1": .97, "rows": 90}, ...},
     "confusion": [[88, 2], [3, 128]]}

A row of ``confusion`` counts the predictions for rows of one label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def scores(confusion: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """From counts of shape ``(labels, labels)``: true label by given label.

    A label's F1 is 0 if none of its rows was predicted correctly. A label that no row has and none is predicted as is
    left out: macro F1 is the mean over the other labels.
    """
    rows, right = int(confusion.sum()), np.diag(confusion)
    of_label, given = confusion.sum(1), confusion.sum(0)
    precision = right / np.maximum(given, 1)
    recall = right / np.maximum(of_label, 1)
    f1 = 2 * right / np.maximum(of_label + given, 1)
    seen = (of_label + given) > 0
    accuracy = float(right.sum() / max(rows, 1))
    return {
        "labels": list(labels),
        "rows": rows,
        "accuracy": accuracy,
        "standard_error": math.sqrt(accuracy * (1 - accuracy) / max(rows, 1)),
        "macro_f1": float(f1[seen].mean()) if seen.any() else 0.0,
        "per_label": {
            label: {
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "f1": float(f1[k]),
                "rows": int(of_label[k]),
            }
            for k, label in enumerate(labels)
        },
        "confusion": confusion.astype(int).tolist(),
    }


def confusion_of(truth: np.ndarray, given: np.ndarray, labels: int) -> np.ndarray:
    """Counts of shape ``(labels, labels)`` from two arrays of label numbers, shape ``(rows,)``."""
    return np.bincount(truth * labels + given, minlength=labels * labels).reshape(labels, labels)
