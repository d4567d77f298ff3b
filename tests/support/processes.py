"""Which processes of this machine are alive."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path


def living(pids: Iterable[int]) -> set[int]:
    """Those of ``pids`` that hold memory; one that has ended and waits for its parent does not."""
    return {pid for pid in pids if _state(pid) not in ("", "Z", "X")}


def living_after(pids: Iterable[int], seconds: float) -> set[int]:
    """Those of ``pids`` that are still alive after ``seconds``; returns at once when none is."""
    deadline = time.monotonic() + seconds
    while (left := living(pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def tree(pid: int) -> set[int]:
    """``pid`` and all processes that descend from it."""
    parents = {int(path.name): _parent(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()}
    found, new = {pid}, {pid}
    while new := {child for child, parent in parents.items() if parent in new} - found:
        found |= new
    return found


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    return _stat(pid)[0] if _stat(pid) else ""


def _parent(pid: int) -> int:
    return int(_stat(pid)[1]) if _stat(pid) else 0
