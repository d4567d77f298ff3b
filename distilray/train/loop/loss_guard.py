"""Stops a training whose loss is not a number, or explodes, before the student is changed by it, and names the rows.

Every trainer notes the loss of each row that it sees. Before an optimizer step all workers agree, in one small
collective, whether the step may be taken; if not, each reports its worst rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist

from distilray.train.errors import StopTraining

EXPLODED = 20.0
"""A mean loss of a step this many times as large as the first step's has exploded: from 0.7 to 14, from 7 to 140."""
NAMED = 5
"""Rows that are named."""


class LossExploded(StopTraining):
    """The loss or the gradient is not a number, or far above its initial value."""


class LossGuard:
    """``ids``: the ids of a dataset's row, by its index (several where rows are packed into one)."""

    def __init__(self, ids: Callable[[int], Sequence[str]]) -> None:
        self.ids = ids
        self.noted: list[tuple[list[int], torch.Tensor, torch.Tensor]] = []

    def note(self, rows: list[int], losses: torch.Tensor, mean: torch.Tensor | None = None) -> None:
        """``losses``, shape ``(len(rows),)``, of a micro batch that is about to be learned from; ``mean``: what is
        minimised, if that is not their mean and they only identify rows."""
        losses = losses.detach().float()
        self.noted.append((rows, losses, losses.mean() if mean is None else mean.detach().float()))

    def check(self, step: int, grad_norm: float | None, first: float | None) -> None:
        """Raises :class:`LossExploded`, in all workers alike, if a step must not be taken.

        ``first``: loss of the first step, if known; ``grad_norm``: of all workers together.
        """
        noted, self.noted = self.noted, []
        rows = [row for some, _, _ in noted for row in some]
        losses = torch.cat([some for _, some, _ in noted])
        means = torch.stack([mean for _, _, mean in noted])
        sums = torch.stack([means.mean() + 0.0 * losses.sum(), torch.ones_like(means[0])])  # one bad row spoils it
        if dist.is_initialized():
            dist.all_reduce(sums)
        mean = (sums[0] / sums[1]).item()
        if not math.isfinite(mean):
            wrong = "the loss is not a number"
        elif grad_norm is not None and not math.isfinite(grad_norm):
            wrong = f"the gradient's norm is {grad_norm} though the loss is {mean:.4g}"
        elif first is not None and abs(mean) > EXPLODED * max(abs(first), 0.1):
            wrong = f"the loss has exploded from {first:.4g} to {mean:.4g}"
        else:
            return
        named = self._named(rows, losses)
        raise LossExploded(f"step {step}: {wrong}; {named}. Look at these rows, or lower learning_rate")

    def _named(self, rows: list[int], losses: torch.Tensor) -> str:
        worst = torch.nan_to_num(losses.cpu(), nan=math.inf, posinf=math.inf, neginf=math.inf)
        order = worst.argsort(descending=True, stable=True).tolist()[:NAMED]
        mine = [(worst[k].item(), losses[k].item(), list(self.ids(rows[k]))[:NAMED]) for k in order]
        everybody: list = [None] * (dist.get_world_size() if dist.is_initialized() else 1)
        if dist.is_initialized():
            dist.all_gather_object(everybody, mine)
        else:
            everybody = [mine]
        found = sorted((entry for some in everybody for entry in some), key=lambda entry: -entry[0])
        beyond = [entry for entry in found if not math.isfinite(entry[0])] or found
        return "worst rows: " + ", ".join(f"{'+'.join(ids)} ({loss:.4g})" for _, loss, ids in beyond[:NAMED])
