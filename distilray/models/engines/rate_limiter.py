"""Keeps to an endpoint's limits per minute without bursts that it would refuse."""

from __future__ import annotations

import asyncio
import time


class RateLimiter:
    """Lets ``per_minute`` units through a minute, evenly, with a burst of a few seconds' worth.

    The generic cell rate algorithm (ITU-T I.371): one number, the time at which the next unit is due.
    """

    BURST_S = 5.0

    def __init__(self, per_minute: int | None) -> None:
        self._seconds_each = 60 / per_minute if per_minute else 0.0
        self._due = time.monotonic()

    async def wait(self, units: float = 1) -> None:
        """Return when ``units`` more are allowed, and count them."""
        now = time.monotonic()
        self._due = max(self._due, now - self.BURST_S)
        delay = self._due - now
        self.add(units)
        if delay > 0:
            await asyncio.sleep(delay)

    def add(self, units: float) -> None:
        """Count units that were not known before, or take back (negative) units that were not used."""
        self._due += units * self._seconds_each
