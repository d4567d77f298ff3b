"""The most memory that this process has held, in stretches."""

from __future__ import annotations

from pathlib import Path


class Residency:
    """Bytes of resident memory above those at the beginning, at the peak since it began or :meth:`peak` was asked."""

    def __init__(self) -> None:
        self._forget()
        self.before = self._of("VmRSS")

    def peak(self) -> int:
        found = self._of("VmHWM") - self.before
        self._forget()
        return found

    def _forget(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")

    def _of(self, name: str) -> int:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(lines[name].split()[0]) * 1024
