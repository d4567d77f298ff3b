"""One engine of a pool in the course of its life, from the wish for it to its loss."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ray.util.placement_group import PlacementGroup

from distilray.models.client.handles import EngineHandle
from distilray.models.client.startup import EngineStart
from distilray.models.settings.base import ModelSettings


class State(Enum):
    """Where a slot stands."""

    LATER = "later"
    """It may be wanted when the cluster has room."""
    PLACING = "placing"
    """Reserved, and waiting for a node, or for its turn to start there."""
    STARTING = "starting"
    UP = "up"
    """It answers, or Ray starts it again after a death."""
    GIVEN_UP = "given up"


@dataclass(eq=False)
class Slot:
    """The place of one engine among those of its model."""

    model: str
    number: int
    settings: ModelSettings
    state: State = State.LATER
    since: float = field(default_factory=time.monotonic)
    """When it came into its state."""
    group: PlacementGroup | None = None
    nodes: tuple[str, ...] = ()
    start: EngineStart | None = None
    handle: EngineHandle | None = None
    asked: Any = None
    """The call that returns once the engine, which was up, can answer; None: not asked."""
    asked_at: float = 0.0
    away: bool = False
    """Whether it did not answer the last time."""
    restarts: int = 0
    """How often Ray had started it again when it last answered."""
    generation: int = 0
    """Engines that were started here."""
    why: str = ""
    """Why the last one was lost."""

    @property
    def name(self) -> str:
        return f"{self.model}/{self.number}"

    def becomes(self, state: State) -> None:
        self.state, self.since = state, time.monotonic()

    @property
    def seconds(self) -> float:
        """In its state."""
        return time.monotonic() - self.since
