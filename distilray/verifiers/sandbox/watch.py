"""Limits that rlimits cannot enforce, checked from outside: memory and disk of a whole process family."""

from __future__ import annotations

import os

from distilray.verifiers.sandbox.limits import Limits

_SLACK_MB = 192  # pages that forks share with the launcher are counted once per process here


def reached(pid: int, box: str | None, limits: Limits) -> str:
    """ "memory" or "disk" if the run led by `pid` holds too much, else ""."""
    if _resident_mb(_family(pid)) > limits.memory_mb + _SLACK_MB:
        return "memory"
    if box is not None and _disk_mb(box) > limits.disk_mb:
        return "disk"  # in a namespace the box is a file system of this size and fills up by itself
    return ""


def _family(pid: int) -> list[int]:
    """`pid` and its descendants, from one look at /proc."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            parent = _parent(int(name))
            children.setdefault(parent, []).append(int(name))
    found, open_ends = [], [pid]
    while open_ends:
        found.append(open_ends.pop())
        open_ends += children.get(found[-1], [])
    return found


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as handle:
            return int(handle.read().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended while we looked


def _resident_mb(pids: list[int]) -> float:
    pages = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", encoding="ascii") as handle:
                fields = handle.read().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pages += int(fields[1]) - int(fields[2]) if len(fields) > 2 else 0
    return pages * os.sysconf("SC_PAGESIZE") / (1 << 20)


def _disk_mb(folder: str) -> float:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total / (1 << 20)
