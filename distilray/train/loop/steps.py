"""Which rows each step of a launch trains on, and how much work that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from distilray.train.data.order import batch_order, total_steps
from distilray.train.data.training_data import TrainingData
from distilray.train.loop.metrics import read_metrics
from distilray.train.memory.flops import flops_per_token
from distilray.train.settings import LoraSettings
from distilray.train.spec import Job

SEQUENCES = "seq_lengths"
"""Column of packed rows: the tokens of each of the rows in it."""


@dataclass(frozen=True)
class Steps:
    """Of all workers together; entry ``k`` of an array is the sum up to step ``k``."""

    total: int
    stop: int
    """The step after which this launch ends."""
    order: np.ndarray
    """Indices of the feed's rows, shape ``(stop * batch_size,)``."""
    tokens_at: np.ndarray
    squares_at: np.ndarray
    """Squared lengths of sequences: what attention's work is proportional to. A sequence attends to itself alone, also
    where it shares a packed row."""


@dataclass(frozen=True)
class Work:
    """Operations of training, forward and backward, by step; see :mod:`distilray.train.memory.flops`."""

    at: np.ndarray

    @classmethod
    def of(cls, config: Mapping[str, Any], lora: LoraSettings | None, steps: Steps, *, head: bool) -> Work:
        """Raises :class:`KeyError` where ``config`` is not a dense transformer's."""
        token = flops_per_token(config, lora, 0.0, head=head)
        attended = flops_per_token(config, lora, 1.0, head=head) - token
        return cls(token * steps.tokens_at.astype(float) + attended * steps.squares_at.astype(float))

    def between(self, start: int, stop: int) -> float:
        """Of the steps after ``start``, up to ``stop``."""
        return float(self.at[stop] - self.at[start])


def steps_of(job: Job, feed: TrainingData) -> Steps:
    """The steps of this launch; those of earlier rounds count as far as their records do."""
    settings = job.settings
    total = total_steps(len(feed.lengths), settings.batch_size, epochs=settings.epochs, max_steps=settings.max_steps)
    start, stop = (job.step_range.start, job.step_range.stop) if job.step_range else (0, total)
    order = batch_order(
        feed.lengths, stop - start, settings.batch_size, seed=settings.seed, by_length=settings.group_by_length
    )

    def up_to(rows: np.ndarray, before: int) -> np.ndarray:
        at = np.concatenate([np.full(start + 1, before), rows[order].reshape(stop - start, -1).sum(1)])
        at[start:] = at[start:].cumsum()
        return at

    return Steps(
        total=total,
        stop=stop,
        # Steps of earlier rounds are skipped when a training continues: any row can fill their places.
        order=np.concatenate([np.zeros(start * settings.batch_size, np.int64), order]),
        tokens_at=up_to(feed.lengths, _tokens_at(job, start)),
        squares_at=up_to(squared_lengths(feed, job.method.sequences), 0),
    )


def squared_lengths(feed: TrainingData, sequences: int) -> np.ndarray:
    """Of every row of ``feed.train``: the sum of its sequences' squared lengths in tokens. A row, before it was packed
    with others, holds ``sequences`` of them, which are taken to be of equal length."""
    if SEQUENCES not in feed.train.column_names:
        return feed.lengths**2 // sequences
    packed = (np.asarray(lengths, np.int64) for lengths in feed.train[SEQUENCES])
    return np.fromiter(((lengths**2).sum() for lengths in packed), np.int64, len(feed.train)) // sequences


def _tokens_at(job: Job, step: int) -> int:
    """Tokens of all rows up to ``step``, as an earlier step range recorded them."""
    records = [record for record in read_metrics(job.store, job.out) if record["step"] <= step and "tokens" in record]
    return records[-1]["tokens"] if records else 0
