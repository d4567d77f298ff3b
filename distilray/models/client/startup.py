"""Engines on their way up: waited for as long as their logs say something new, and each tried twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import ray

from distilray.models.client.handles import EngineHandle
from distilray.models.engines.base import EngineInfo
from distilray.models.engines.start_log import StartNews
from distilray.models.errors import EngineFailed

TRIES = 2
"""A first start may fail for what passes: a port, a compile cache that eight engines fill at once, a lost node."""

Told = Callable[[str], None]
"""Is told what is waited for."""


class EngineStart:
    """One engine that starts."""

    def __init__(
        self, make: Callable[[], EngineHandle], discard: Callable[[EngineHandle], None], patience_s: float
    ) -> None:
        """``make`` creates its actor, ``discard`` ends one and waits until it is gone; ``patience_s``: how long its log
        may have nothing new."""
        self._make, self._discard, self._patience_s = make, discard, patience_s
        self._tries = 0
        self.info: EngineInfo | None = None
        """What it reported when it was ready."""
        self._begin()

    def _begin(self) -> None:
        self._tries += 1
        self.handle = self._make()
        self.ready: Any = self.handle.actor.ready.remote()
        self.news = StartNews()
        self.moved = time.monotonic()
        self._asked: Any = None

    def look(self, ready: bool) -> None:
        """Takes what is known by now. Raises :class:`EngineFailed` where it has failed for the last time."""
        try:
            if ready:
                self.info = self._result()
            else:
                self._hear()
        except EngineFailed as failure:
            if self._tries == TRIES:
                raise EngineFailed(f"{failure} (tried {TRIES} times)") from None
            self._discard(self.handle)
            self._begin()

    def _result(self) -> EngineInfo:
        try:
            found: Any = ray.get(self.ready)
        except EngineFailed as error:  # Ray's copy carries the actor's whole stack in its text
            raise EngineFailed(*error.cause.args) from None
        except ray.exceptions.RayActorError as error:
            why = self.handle.cause_of_death() or str(error).strip().splitlines()[0]
            raise EngineFailed(
                f"{self.handle.name} died while it started: {why}; its log is {self.handle.log}"
            ) from None
        return found

    def _hear(self) -> None:
        """One that is in its constructor, or has no log, says nothing."""
        if self._asked is None:
            self._asked = self.handle.actor.start_news.remote()
        answered, _ = ray.wait([self._asked], timeout=0)
        if answered:
            asked, self._asked = self._asked, None
            try:
                news: Any = ray.get(asked)
            except ray.exceptions.RayActorError:  # its death is also the result of its start
                return
            if news.lines > self.news.lines:
                self.news, self.moved = news, time.monotonic()
        if time.monotonic() - self.moved > self._patience_s:
            last = f", after {self.news.latest!r}" if self.news.latest else ""
            raise EngineFailed(
                f"{self.handle.name} is not ready, and its log {self.handle.log} has had nothing new for "
                f"{self._patience_s:g} s (start_timeout_s){last}"
            )


def summary(waiting: Sequence[EngineStart], of: int) -> str:
    """How far those of ``of`` engines are that still start: ``"2 of 4 engines (teacher/0: Loading weights: 2/5)"``."""
    newest = max(waiting, key=lambda start: start.moved)
    count = f"{len(waiting)} of {of} engines" if of > 1 else newest.handle.name
    if not newest.news.latest:
        return count
    return f"{count} ({newest.handle.name}: {newest.news.latest})" if of > 1 else f"{count}: {newest.news.latest}"
