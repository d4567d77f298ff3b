"""How busy an engine is: requests that it works on, against the places it has, over time."""

from __future__ import annotations

import time
from collections.abc import Callable


class Places:
    """The places of one engine. A request takes a place for each reply; what finds none free waits for one, and more
    than all places are never busy."""

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.places = places
        self.taken = 0
        """Replies asked for and not yet there, those that wait for a place included."""
        self._clock = clock
        self._busy_s = 0.0
        self._since = clock()

    def take(self, n: int) -> None:
        self._change(n)

    def free(self, n: int) -> None:
        self._change(-n)

    @property
    def busy_s(self) -> float:
        """Seconds that places were busy since the engine started, summed over places."""
        return self._busy_s + min(self.taken, self.places) * (self._clock() - self._since)

    def _change(self, n: int) -> None:
        now = self._clock()
        self._busy_s += min(self.taken, self.places) * (now - self._since)
        self._since = now
        self.taken += n
