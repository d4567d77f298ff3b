"""The order in which rows are trained on: determined by the seed alone, the same for any number of workers.

Rows are shuffled once an epoch, cut into pools of some batches, sorted by length inside a pool, cut into batches, and
the batches of the pool shuffled. So a batch holds rows of similar length (little padding), yet short and long batches
come in random order. A batch that an epoch's end would leave incomplete is filled from the next epoch.

Batch ``k`` is ``order[k * batch_size : (k + 1) * batch_size]``. Micro batches are consecutive slices of it and go to
the workers in turn, so that workers process similar lengths at the same time, and one worker sees the same batches as
many.
"""

from __future__ import annotations

import math

import numpy as np

POOL_BATCHES = 50


def total_steps(rows: int, batch_size: int, *, epochs: float | None, max_steps: int | None) -> int:
    """Optimizer steps of a training over ``rows`` rows."""
    return max_steps if max_steps is not None else max(1, math.ceil((epochs or 0) * rows / batch_size))


def batch_order(lengths: np.ndarray, steps: int, batch_size: int, *, seed: int, by_length: bool) -> np.ndarray:
    """Row indices of ``steps`` batches, shape ``(steps * batch_size,)``; ``lengths`` are the rows' tokens."""
    wanted, rows = steps * batch_size, len(lengths)
    order: list[np.ndarray] = []
    have, epoch = 0, 0
    left = np.empty(0, np.int64)
    while have < wanted:
        random = np.random.default_rng((seed, epoch))
        stream = np.concatenate([left, random.permutation(rows)])
        whole = len(stream) // batch_size * batch_size
        left = stream[whole:]
        for start in range(0, whole, POOL_BATCHES * batch_size):
            pool = stream[start : min(start + POOL_BATCHES * batch_size, whole)]
            if by_length:
                pool = pool[np.argsort(lengths[pool], kind="stable")]
            batches = pool.reshape(-1, batch_size)
            order.append(random.permutation(batches, axis=0).reshape(-1) if by_length else batches.reshape(-1))
        have += whole
        epoch += 1
    return np.concatenate(order)[:wanted]
