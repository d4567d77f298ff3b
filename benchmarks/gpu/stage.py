"""What a stage of the GPU check is, and what it gets to work with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stage:
    """One process of the check."""

    name: str
    function: str
    """``package.module:function``, called with a :class:`Check` and ``arguments``."""
    limit_s: float
    """Seconds after which it is killed; imports before it begins do not count."""
    settles: str
    """The question that it answers."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of its process."""


class Check:
    """Passed to a stage: the device, sizes, and where figures go. Every figure is sent at once, so those of a stage
    that is killed later are kept."""

    def __init__(self, rehearsed: bool, write: Callable[[str], object]) -> None:
        self.rehearsed = rehearsed
        """Whether tiny shapes run on a CPU, to show that the code runs at all."""
        self.device = "cpu" if rehearsed else "cuda"
        self._write = write

    def pick(self, real: T, rehearsed: T) -> T:
        """A size: on a GPU, or in a rehearsal."""
        return rehearsed if self.rehearsed else real

    def report(self, part: str, **figures: Any) -> None:
        """Figures of a part of the stage."""
        self._write(json.dumps({"part": part, **figures}, default=str))

    def expect(self, holds: bool, otherwise: str) -> None:
        """Records the finding ``otherwise`` unless it ``holds``; the stage goes on."""
        if not holds:
            self._write(json.dumps({"finding": otherwise}))
