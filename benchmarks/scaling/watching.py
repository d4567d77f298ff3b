"""Memory and processor time of a run's own processes, sampled while it runs."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Any

import psutil

EVERY_S = 1.0
KINDS = {"RowRunner": "runner", "ray::Monitor": "monitor", "EchoEngine": "engine", "raylet/raylet": "raylet"}
"""What a command line holds, and what its process is."""


class Watch(threading.Thread):
    """Of this process (``driver``) and of those below it, by kind."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()
        self._began = time.monotonic()
        self._mib: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._cpu_s: dict[str, dict[int, float]] = defaultdict(dict)

    def run(self) -> None:
        me = psutil.Process()
        while not self._over.wait(EVERY_S):
            now = time.monotonic() - self._began
            largest: dict[str, float] = defaultdict(float)
            for process in [me, *me.children(recursive=True)]:
                try:
                    kind = "driver" if process == me else kind_of(process)
                    if kind:
                        times = process.cpu_times()
                        self._cpu_s[kind][process.pid] = times.user + times.system
                        largest[kind] = max(largest[kind], process.memory_info().rss / 2**20)
                except psutil.Error:
                    continue
            for kind, mib in largest.items():
                self._mib[kind].append((now, mib))

    def stop(self) -> dict[str, Any]:
        """By kind: MiB of the largest process after a quarter, after three quarters and at its peak; seconds of
        processor time of all of them."""
        self._over.set()
        self.join()
        return {
            kind: {
                "mib": {
                    "quarter": _at(samples, 0.25),
                    "three_quarters": _at(samples, 0.75),
                    "peak": round(max(mib for _, mib in samples)),
                },
                "cpu_s": round(sum(self._cpu_s[kind].values()), 1),
            }
            for kind, samples in self._mib.items()
        }


def kind_of(process: psutil.Process) -> str | None:
    line = " ".join(process.cmdline())
    return next((kind for mark, kind in KINDS.items() if mark in line), None)


def _at(samples: list[tuple[float, float]], share: float) -> int:
    return round(samples[min(int(share * len(samples)), len(samples) - 1)][1])
