"""The guard of an engine: a process of its own that ends the engine's other processes when the engine's actor is gone.

An engine is several processes (the actor, vLLM's core, a worker for each device), and those that the actor started do
not notice its end: a core that waits for work holds its memory for ever, and so do workers that still load weights. The
actor leads a process group which all of them belong to; the guard watches the actor and then kills what is left of the
group, whatever ended the actor: a crash, ``kill -9``, Ray, or a driver that is gone with the whole cluster.

As long as any process of the engine lives, so does its guard, and its command line names the engine: whether an engine
is really gone is seen by its guard (:func:`guards`).

This file runs as a script, on Python's standard library alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable

EVERY_S = 0.2
DEAD = "ZX"
"""States of processes that hold nothing any more."""


def start_guard(name: str) -> None:
    """Guards this process and all that it starts from now on, under ``name``."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    subprocess.run(
        [sys.executable, "-I", "-S", __file__, name, str(os.getpid())],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def guards(prefixes: Iterable[str]) -> dict[int, str]:
    """Guards on this machine whose name begins with one of ``prefixes``: the process that each watches, and the name.
    One whose actor ends is among them until the last process of the group has ended."""
    starts = tuple(prefixes)
    found = {}
    for pid in _processes():
        words = _command(pid)
        if len(words) > 3 and words[-3].endswith("engines/guard.py") and words[-2].startswith(starts):
            found[int(words[-1])] = words[-2]
    return found


def await_gone(prefixes: Iterable[str], timeout_s: float) -> dict[int, str]:
    """Waits until no guard has a name that begins with one of ``prefixes``, apart from this process's own; returns
    those that are left after ``timeout_s``."""
    names = list(prefixes)
    deadline = time.monotonic() + timeout_s
    while left := {pid: name for pid, name in guards(names).items() if pid != os.getpid()}:
        if time.monotonic() > deadline:
            break
        time.sleep(EVERY_S / 2)
    return left


def kill_group(leader: int, spare: int = 0) -> bool:
    """Kills every process of the group of ``leader`` but ``spare``; returns whether there was one."""
    members = [pid for pid in _processes() if pid != spare and _is_member(pid, leader)]
    for pid in members:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # it ended in the meantime
            continue
    return bool(members)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _command(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "replace").split("\0")[:-1]
    except OSError:  # it ended in the meantime
        return []


def _status(pid: int) -> list[str]:
    """What /proc/PID/stat says from the state on: state, parent, group ...; nothing of a process that has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            status = file.read().decode("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []
    return [] if status[0] in DEAD else status


def _is_member(pid: int, leader: int) -> bool:
    status = _status(pid)
    return bool(status) and int(status[2]) == leader


def _born(pid: int) -> str | None:
    """When the process began, in clock ticks since the machine did; None if there is none. No other process has the
    same number and the same birth."""
    status = _status(pid)
    return status[19] if status else None


def main(leader: int) -> None:
    """Watches ``leader``; returns when no process of its group is left."""
    born = _born(leader)
    if os.fork():
        os._exit(0)  # no child of the actor: Ray kills an actor's children when the actor ends
    os.setsid()
    while born is not None and _born(leader) == born:
        time.sleep(EVERY_S)
    while kill_group(leader):
        time.sleep(EVERY_S / 10)


if __name__ == "__main__":
    main(int(sys.argv[2]))
