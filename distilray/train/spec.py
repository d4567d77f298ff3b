"""One training in full, and the part of it that is sent to its workers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train.progress import OnProgress
from distilray.train.scratch import scratch_of
from distilray.train.settings import TrainResources

if TYPE_CHECKING:
    from ray.actor import ActorHandle

    from distilray.runner import Residency
    from distilray.train.methods.base import TrainingMethod


@dataclass(frozen=True, slots=True)
class Engines:
    """Where the engines that a training uses belong: ``run`` is the run's id, ``logs`` a directory for their logs."""

    run: str
    logs: str | None = None
    resident: Residency | None = None
    """The run's pools, which the training may ask. They stay in the driver, as ``make_room`` does."""
    make_room: Callable[[], None] | None = None
    """Called before workers take their resources: from then on the training asks no engine."""

    def sendable(self) -> Engines:
        """A copy without what cannot leave the driver's process."""
        return Engines(self.run, self.logs)


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """A training as passed to its method, the tokenizing and the launcher."""

    store: Store
    out: str
    """The training's folder in ``store``; its tokens, checkpoints, records and student are below it."""
    method: TrainingMethod
    settings: Any
    """Of the class ``method.settings``."""
    student_path: str
    """The checkpoint to start from."""
    template_variables: Mapping[str, Any] = field(default_factory=dict)
    """For the student's chat template, as the recipe's model has them in ``chat_template_kwargs``."""
    resources: TrainResources = field(default_factory=TrainResources)
    models: Mapping[str, VLLMModel] = field(default_factory=dict)
    """The recipe's models that the method names in :meth:`TrainingMethod.models`."""
    engines: Engines = Engines("")
    fingerprint: str = ""
    """Of the stage, for its manifest."""
    on_progress: OnProgress | None = None
    """Called in the driver; stays there."""

    def sendable(self) -> TrainingSpec:
        """A copy without what cannot leave the driver's process."""
        return replace(self, on_progress=None, engines=self.engines.sendable())


@dataclass(frozen=True)
class StepRange:
    """Steps ``start`` up to ``stop`` of a training whose rows change from round to round; optimizer and learning rate
    continue from one range to the next. The resulting student is written to ``final`` in the store."""

    start: int
    stop: int
    final: str


@dataclass(frozen=True, kw_only=True)
class Job(TrainingSpec):
    """What every worker of one launch receives."""

    tokens: list[str]
    """Token files to train on, paths in ``store``."""
    board: ActorHandle
    """A :class:`~distilray.train.progress.ProgressBoard`."""
    step_range: StepRange | None = None
    """This launch's part of a training in rounds; None: all of it."""
    token: str
    """Names this launch: workers of one node share a scratch folder of this name."""

    @classmethod
    def of(cls, spec: TrainingSpec, tokens: list[str], board: ActorHandle, step_range: StepRange | None = None) -> Job:
        """The job of a new launch of ``spec``."""
        sent = spec.sendable()
        values = {known.name: getattr(sent, known.name) for known in fields(TrainingSpec)}
        return cls(**values, tokens=tokens, board=board, step_range=step_range, token=uuid.uuid4().hex[:12])

    @property
    def final(self) -> str:
        """Where in the store the student goes."""
        return self.step_range.final if self.step_range else f"{self.out}/final"

    @property
    def scratch(self) -> str:
        return scratch_of(self.token)
