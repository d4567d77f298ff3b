"""Whether an engine stands still, judged by the tokens that its core gives: never by how long a reply takes or waits.

A reasoning trace of 32,000 tokens takes minutes, and a request behind a thousand others longer; both are well as long
as tokens come. An engine from which none comes for a long time, though requests are unfinished, has hung.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


class Stalls:
    """Belongs to one engine, and is shown now and then what its requests have got so far."""

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience_s = patience_s
        self.tokens = 0
        """Tokens that were seen to come, since the engine started; one more for each request that ended."""
        self._clock = clock
        self._moved = clock()
        self._last: Mapping[str, int] = {}
        self._overtaken: dict[str, float] = {}

    def see(self, requests: Mapping[str, int]) -> None:
        """``requests``: every unfinished request, in the order in which they came, and its tokens so far."""
        now = self._clock()
        came = sum(max(tokens - self._last.get(request, 0), 0) for request, tokens in requests.items())
        came += len(self._last.keys() - requests.keys())
        if came or not requests or not self._last:
            self._moved = now
        self.tokens += came
        self._last = dict(requests)
        self._overtaken = {request: self._overtaken.get(request, now) for request in self._skipped(requests)}

    @property
    def hung(self) -> bool:
        """Whether no token has come for too long."""
        return self._clock() - self._moved > self.patience_s

    def lost(self) -> list[str]:
        """Requests that have waited for their first token for too long since one that came later got its own: not
        behind a queue, but, say, for a grammar that is never compiled."""
        now = self._clock()
        return [request for request, since in self._overtaken.items() if now - since > self.patience_s]

    def _skipped(self, requests: Mapping[str, int]) -> list[str]:
        begun = [k for k, tokens in enumerate(requests.values()) if tokens]
        last = max(begun, default=-1)
        return [
            request
            for k, (request, tokens) in enumerate(requests.items())
            if not tokens and (k < last or request in self._overtaken)
        ]
