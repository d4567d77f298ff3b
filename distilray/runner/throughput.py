"""How fast a phase progresses, measured in rows: units run concurrently and tend to end together."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

WINDOW_S = 30.0
"""Window of a model's tokens/s: long enough to be steady, short enough to leave out the engines' start."""


class Throughput:
    """Updated with the combined reports of a phase's runners; times in seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._seen: deque[tuple[float, dict[str, int]]] = deque()
        self._ended = 0

    def add(self, now: float, ended: int, tokens: Mapping[str, int]) -> None:
        """``ended`` rows left the phase and models wrote ``tokens`` since the first runner began."""
        if self._began is None:
            self._began = now
        self._ended = ended
        self._seen.append((now, dict(tokens)))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()

    def tokens_per_s(self, model: str) -> float:
        """Tokens that ``model`` wrote in a second, over the last :data:`WINDOW_S`."""
        if len(self._seen) < 2:
            return 0.0
        (then, before), (now, written) = self._seen[0], self._seen[-1]
        return (written.get(model, 0) - before.get(model, 0)) / (now - then)

    def eta_s(self, rows: float) -> float | None:
        """Seconds until ``rows`` rows in all will have ended; None before the first has."""
        if self._began is None or not self._ended or self._seen[-1][0] == self._began:
            return None
        return max(rows - self._ended, 0.0) * (self._seen[-1][0] - self._began) / self._ended
