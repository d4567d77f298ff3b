"""What one run of a program may use."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Limits:
    """Ceilings for one run. A run that reaches one is ended, and its result says which.

    wall_s and cpu_s are seconds, sizes are MiB (output_kb: KiB of stdout, of stderr and of results, each).
    `memory_mb` bounds each process's address space and the resident sum of all its processes;
    `file_mb` bounds one file and `disk_mb` everything written.
    """

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_mb: int = 1024
    file_mb: int = 16
    disk_mb: int = 64
    processes: int = 16
    open_files: int = 64
    output_kb: int = 1024

    def as_dict(self) -> dict[str, float]:
        return asdict(self)
