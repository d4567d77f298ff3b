"""What the runners of a phase have with each engine: the sum tells each of them what the others have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

REPORT_EVERY_S = 1.0
"""How often a runner says what it has, and learns what the others have."""
FRESH_S = 10.0
"""A runner that has said nothing for so long has died, and its requests with it."""


class Queues:
    """Kept by the monitor. A report costs as much as there are engines, not as there are runners times engines."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._own: dict[str, dict[str, np.ndarray]] = {}
        self._heard: dict[str, float] = {}
        self._all: dict[str, np.ndarray] = {}

    def report(self, runner: str, queues: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
        """Takes what ``runner`` has with each engine, by model, and returns what all others have."""
        now = self._clock()
        self._forget(runner)
        for other in [other for other, heard in self._heard.items() if now - heard > FRESH_S]:
            self._forget(other)
        own = {model: np.array(requests, np.int64) for model, requests in queues.items()}
        others = {model: self._all.get(model, np.zeros_like(mine)) for model, mine in own.items()}
        found = {model: requests.tolist() for model, requests in others.items()}
        self._own[runner], self._heard[runner] = own, now
        self._all |= {model: others[model] + mine for model, mine in own.items()}
        return found

    def _forget(self, runner: str) -> None:
        self._heard.pop(runner, None)
        for model, requests in self._own.pop(runner, {}).items():
            self._all[model] = self._all[model] - requests
