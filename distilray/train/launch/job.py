"""What a driver sends to its training workers, and the door through which they enter.

Kept apart from the worker itself, so that a driver starts a training without importing torch, transformers and TRL.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train.errors import StopTraining
from distilray.train.settings import TrainResources, TrainSettings

if TYPE_CHECKING:
    from ray.actor import ActorHandle


@dataclass(frozen=True)
class StepRange:
    """Steps ``start`` up to ``stop`` of a training whose rows change from round to round; optimizer and learning rate
    go on from one to the next. The student that comes out is left at ``final`` in the store."""

    start: int
    stop: int
    final: str


@dataclass(frozen=True)
class Job:
    """All that a worker is told; the same for every worker."""

    store: Store
    out: str
    tokens: list[str]
    settings: TrainSettings
    resources: TrainResources
    student_path: str
    board: ActorHandle
    models: Mapping[str, VLLMModel]
    """Models of the recipe that the kind of training loads beside the student."""
    step_range: StepRange | None
    """What this launch does of a training in rounds; None: all of it."""
    token: str
    """Names this launch: workers of one node share a scratch folder of this name."""

    @property
    def final(self) -> str:
        """Where in the store the student goes."""
        return self.step_range.final if self.step_range else f"{self.out}/final"

    @property
    def scratch(self) -> str:
        return os.path.join(tempfile.gettempdir(), f"distilray-train-{self.token}")


def enter(config: dict[str, Job]) -> None:
    """The training loop that Ray Train calls in each worker."""
    import ray.train

    from distilray.train.loop.worker import train

    job = config["job"]
    try:
        train(job)
    except StopTraining as error:
        if ray.train.get_context().get_world_rank() == 0:
            ray.get(job.board.stop.remote(str(error)))
