"""Each row with another row's answer, from which KTO estimates how far the student has moved from its reference.

    a step of three rows     1 ("what is 1+1?", "2")    2 ("a colour?", "blue")    3 ("a town?", "Bonn")
    their partners           "blue"                     "Bonn"                     "2"

The partner is the next row of the step, whichever micro batch and worker that is in, so an estimate does not depend on
how a step is shared.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from distilray.train.settings import IGNORED

PARTNER = "partner_ids"
"""Column of the tokens of the other row's answer."""


class Partnered(Dataset[dict[str, Any]], Sized):
    """The rows of ``feed`` at the indices ``order``, in steps of ``size`` rows; item ``k`` is the row ``order[k]``."""

    def __init__(self, feed: Any, order: np.ndarray, size: int) -> None:
        self.feed, self.order, self.size = feed, order, size

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> dict[str, Any]:
        start = place - place % self.size
        rows = min(self.size, len(self.order) - start)
        other = self.feed[int(self.order[start + (place - start + 1) % rows])]
        begin, end = answer_span(other["labels"])
        return {**self.feed[int(self.order[place])], PARTNER: other["input_ids"][begin:end]}


def answer_span(labels: Sequence[int]) -> tuple[int, int]:
    """Where the trained tokens begin and end."""
    trained = [place for place, label in enumerate(labels) if label != IGNORED]
    return trained[0], trained[-1] + 1
