"""The lease: one driver at a time writes a run, on any store, without conditional puts or synchronised
clocks.

Every driver writes a claim of its own, ``lease/<owner>.json``, and then lists the folder. A driver that sees
no other claim holds the run; one that sees another withdraws, waits a random time and retries. Of two that claim at
once, the one that wrote later sees the other, so never both win.

A holder increments a counter in its claim four times in ``ttl_s``. Another driver considers it gone
after the counter has not changed for ``ttl_s`` by its own clock, or at once when it can see that the process
is dead. A holder that could not reach the store for ``ttl_s``, or whose claim was taken away, detects by itself
that the lease is ``lost``; a driver that took over from a silent one waits for half of ``ttl_s`` more, in
which a holder that was only slow notices.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from types import TracebackType

import msgspec

from distilray.errors import InputError
from distilray.ledger.claim import Claim, claim_of_this_process, clock, encode_claim, read_claims
from distilray.storage import Store, StoreError

TRIES = 12
BEATS_PER_TTL = 4

log = logging.getLogger(__name__)


class RunIsHeld(InputError):
    """Another driver holds the run; ``holder`` is its claim."""

    def __init__(self, store: Store, holder: Claim) -> None:
        super().__init__(
            f"{store.shown} is held by {holder}. Wait until it ends, or stop it there (kill {holder.pid}); "
            f"the lease of a driver that has died is taken over automatically (from another machine after "
            f"{1.5 * holder.ttl_s:.0f} s)."
        )
        self.holder = holder


class Lease:
    """A run's lease, held by this driver. Use it as a context; stop all work when ``lost`` is set."""

    def __init__(self, store: Store, claim: Claim, written: float) -> None:
        self.store = store
        self.claim = claim
        self.lost = threading.Event()
        self.why_lost = ""
        self._reached = written
        """When the last write that succeeded began: no observer can have started to wait earlier."""
        self._released = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"lease-{name}", daemon=True)
            for name, target in (("heart", self._beat_on), ("watch", self._watch))
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def acquire(cls, store: Store, ttl_s: float = 20, note: str = "") -> Lease:
        """The lease on the run in ``store``.

        Raises :class:`RunIsHeld` as soon as a holder shows a sign of life (up to ``ttl_s / 4`` later), or if
        others kept claiming too. Takes over at once from a dead process of this machine, else after 1.5
        ``ttl_s``. :class:`StoreError` where nothing can be written.
        """
        try:
            return cls._acquire(store, ttl_s, note)
        except OSError as error:
            raise StoreError(store.uri, error) from error

    @classmethod
    def _acquire(cls, store: Store, ttl_s: float, note: str) -> Lease:
        claimant = _Claimant(store, claim_of_this_process(uuid.uuid4().hex, ttl_s, note))
        for attempt in range(TRIES):
            claimant.wait_for_free()
            if claimant.claim_it():
                return cls(store, claimant.claim, claimant.written)
            time.sleep(random.uniform(0.0, min(0.05 * 2**attempt, ttl_s / BEATS_PER_TTL)))
        assert claimant.met is not None
        raise RunIsHeld(store, claimant.met)

    def release(self) -> None:
        """Gives the run back. Safe to call twice."""
        self._released.set()
        for thread in self._threads:
            thread.join()
        self.store.delete(self.claim.path)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _beat_on(self) -> None:
        while not self._released.wait(self.claim.ttl_s / BEATS_PER_TTL) and not self.lost.is_set():
            try:
                self._beat()
            except OSError as error:
                log.warning("lease on %s: a heartbeat failed: %s", self.store.shown, error)

    def _beat(self) -> None:
        began = clock()
        if not self.store.exists(self.claim.path):
            self._lose("another driver took the lease over")
            return
        self.claim.beat += 1
        _write(self.store, self.claim)
        if _overtaken(self.store, self.claim):  # this claim was gone, and the write just now brought it back
            self._lose("another driver holds the lease")
            self.store.delete(self.claim.path)
            return
        self._reached = began

    def _watch(self) -> None:
        """Separate from the heartbeat, whose writes can hang longer than the lease lasts."""
        while (left := self._reached + self.claim.ttl_s - clock()) > 0:
            if self._released.wait(left):
                return
        self._lose(f"no heartbeat reached the store for {self.claim.ttl_s:g} s")

    def _lose(self, why: str) -> None:
        if not self._released.is_set() and not self.lost.is_set():
            self.why_lost = why
            log.error("lease on %s lost: %s", self.store.shown, why)
            self.lost.set()


class _Claimant:
    """A driver on its way to the lease: what it has seen of others, and its own claim."""

    def __init__(self, store: Store, claim: Claim) -> None:
        self.store = store
        self.claim = claim
        self.written = 0.0
        self.met: Claim | None = None
        self._seen: dict[str, tuple[tuple[str, int], float]] = {}
        self._patience = 0.0
        """Seconds in which a holder that seemed gone, but is only slow, would notice that it was
        replaced."""

    def wait_for_free(self) -> None:
        """Returns when no live claim is left; stale ones are removed on the way."""
        announced = False
        while others := self._others():
            for other in others:
                if self._gives_sign_of_life(other) and other.state == "held":
                    raise RunIsHeld(self.store, other)
                if self._is_silent(other):
                    log.warning("lease: taking over from %s, silent for %g s", other, other.ttl_s)
                    self.store.delete(other.path)
                    self._patience = max(self._patience, other.ttl_s / 2)
            if not announced and others[0].state == "held":
                log.info("lease: waiting up to %g s for a sign of life of %s", others[0].ttl_s, others[0])
                announced = True
            time.sleep(min(other.ttl_s for other in others) / 40)

    def claim_it(self) -> bool:
        """Claims the run; ``False``, after withdrawing, if there is another."""
        self._write("claiming")
        if self._patience:
            time.sleep(self._patience)
        if self._others() or clock() - self.written > self.claim.ttl_s:
            self.store.delete(self.claim.path)
            return False
        self._write("held")
        if _overtaken(self.store, self.claim):
            self.store.delete(self.claim.path)
            return False
        return True

    def _write(self, state: str) -> None:
        self.written = clock()
        self.claim = msgspec.structs.replace(self.claim, state=state, beat=self.claim.beat + 1)
        _write(self.store, self.claim)

    def _others(self) -> list[Claim]:
        others = []
        for other in read_claims(self.store):
            if other.owner == self.claim.owner:
                continue
            self.claim.term = max(self.claim.term, other.term + 1)
            if other.process_is_here() is False:
                self.store.delete(other.path)
                continue
            others.append(other)
        self.met = others[0] if others else self.met
        return others

    def _gives_sign_of_life(self, other: Claim) -> bool:
        """Whether the claim changed since it was first seen."""
        now = (other.state, other.beat)
        before, _ = self._seen.setdefault(other.owner, (now, clock()))
        if before != now:
            self._seen[other.owner] = (now, clock())
        return before != now

    def _is_silent(self, other: Claim) -> bool:
        return clock() - self._seen[other.owner][1] > other.ttl_s


def _write(store: Store, claim: Claim) -> None:
    store.write(claim.path, encode_claim(claim), durable=False)


def _overtaken(store: Store, claim: Claim) -> bool:
    """Whether another driver holds the run by a later term (or an equal one, where the order is unknown)."""
    return any(
        other.owner != claim.owner and other.state == "held" and other.term >= claim.term
        for other in read_claims(store)
    )
