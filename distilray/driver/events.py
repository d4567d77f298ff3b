"""Events that a driver reports while it works; the terminal and logs listen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Event:
    """``kind``: a stage ``started`` or is ``done``, its ``progress``, or a ``note`` for the user.

    ``details`` of progress: ``done``, ``total``, ``unit``, ``rate`` (per second), ``eta_s``, ``models``, ``steps`` and
    ``waiting`` (for what, if no row is worked on yet), as in ``progress.json``; of a finished stage: its counts.
    """

    kind: Literal["started", "progress", "done", "note"]
    stage: str
    text: str = ""
    details: dict[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]
