"""Claims: what a driver records about itself in the run directory, and how others tell whether it is still alive."""

from __future__ import annotations

import os
import socket
import time
from functools import cache
from typing import Literal

import msgspec
import psutil

from distilray.ledger.manifest import now
from distilray.storage import Store

LEASE = "lease"
CLAIM_BYTES = 1024

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds on this machine's own clock, which also runs while the process or the machine sleeps."""
    return time.clock_gettime(_CLOCK)


class Claim(msgspec.Struct, kw_only=True):
    """One driver's claim on a run, in a file of its own that only this driver writes."""

    owner: str
    state: Literal["claiming", "held"] = "claiming"
    beat: int = 0
    """Increases while the driver is alive."""
    term: int = 1
    """Higher than that of every claim its driver saw: of two holders, the one with the lower term was replaced."""
    ttl_s: float
    since: str
    note: str
    host: str
    boot: str
    namespace: str
    pid: int
    process_started: str

    @property
    def path(self) -> str:
        return f"{LEASE}/{self.owner}.json"

    def __str__(self) -> str:
        note = f", {self.note}" if self.note else ""
        return f"process {self.pid} on {self.host} since {self.since}{note}"

    def process_is_here(self) -> bool | None:
        """Whether the process lives on this machine; ``None`` where only another machine, or another container
        of this one, could tell."""
        if (self.host, self.boot, self.namespace) != (socket.gethostname(), boot_id(), pid_namespace()):
            return None
        return process_started(self.pid) == self.process_started


def claim_of_this_process(owner: str, ttl_s: float, note: str) -> Claim:
    return Claim(
        owner=owner,
        ttl_s=ttl_s,
        since=now(),
        note=note,
        host=socket.gethostname(),
        boot=boot_id(),
        namespace=pid_namespace(),
        pid=os.getpid(),
        process_started=process_started(os.getpid()) or "",
    )


def encode_claim(claim: Claim) -> bytes:
    """JSON of one length: claims are replaced while others read them, see :meth:`Store.read`."""
    return msgspec.json.encode(claim).ljust(CLAIM_BYTES)


def read_claims(store: Store) -> list[Claim]:
    """All claims on the run, in the order of their owners."""
    claims = []
    for name in store.names(LEASE):
        if name.endswith(".json"):
            try:
                claims.append(msgspec.json.decode(store.read(f"{LEASE}/{name}"), type=Claim))
            except FileNotFoundError:
                continue  # withdrawn since it was listed
    return claims


@cache
def boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except FileNotFoundError:
        return str(int(psutil.boot_time()))


@cache
def pid_namespace() -> str:
    """Containers on one host have process ids of their own, even where they share its name."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except FileNotFoundError:
        return ""


def process_started(pid: int) -> str | None:
    """When process ``pid`` started, in a form that only serves to compare; ``None`` if it is gone or a
    zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b")")[2].split()
        return None if state in (b"Z", b"X") else fields[18].decode()  # field 22: clock ticks since boot
    except (FileNotFoundError, ProcessLookupError):
        pass
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.NoSuchProcess:
        return None
