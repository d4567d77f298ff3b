"""The parts of a plan: phases and global steps, trainings among them, and repeats of these in rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from distilray.ledger import fingerprint
from distilray.recipe import TrainEntry
from distilray.runner import GlobalStage, NamedStep, Phase
from distilray.steps import GlobalStep


@dataclass(frozen=True)
class TrainingStage:
    """A training among the steps: rows pass it unchanged, and its student is a model of the phases after it."""

    directory: str
    """Relative to the run, of its tokens, metrics and checkpoint: ``training/learner``, in a round
    ``training/learner-round-2``."""
    entry: TrainEntry
    fingerprint: str = ""

    @property
    def name(self) -> str:
        return self.directory.rsplit("/", 1)[-1]

    @property
    def model(self) -> str:
        """The name by which later phases ask its student."""
        return self.entry.name


BodyStage = Phase | GlobalStage | TrainingStage
"""What a repeat may hold."""


@dataclass(frozen=True)
class RepeatStage:
    """Stages in rounds until no row is left, a target is met, rounds run out, or a round changes nothing."""

    directory: str
    rounds: int
    carry_over: str
    """Which rows enter the next round: ``"rejected"`` (another try) or ``"kept"``."""
    until_rows: int | None
    until_mean: Mapping[str, float]
    """The mean over the kept rows that each of these columns has to reach for the rounds to end."""
    stall: float | None
    """The rounds end when one changes the kept rows by no more than this share; None: they do not."""
    body: tuple[BodyStage, ...] = field(default=())
    """The stages of any round; :meth:`in_round` has those of one."""

    @property
    def name(self) -> str:
        return self.directory.rsplit("/", 1)[-1]

    def in_round(self, number: int) -> list[BodyStage]:
        """The stages of round ``number``, from 1, each with its own directory and settings."""
        return [_in_round(self.directory, stage, number) for stage in self.body]


def _in_round(repeat: str, stage: BodyStage, number: int) -> BodyStage:
    mark = fingerprint([stage.fingerprint, number])
    if isinstance(stage, TrainingStage):
        return replace(stage, directory=f"{stage.directory}-round-{number}", fingerprint=mark)
    directory = f"{repeat}/round-{number}/{stage.name}"
    if isinstance(stage, GlobalStage):
        step = stage.step.step
        assert isinstance(step, GlobalStep)
        named = NamedStep(stage.step.name, step.in_round(number))
        return replace(stage, directory=directory, step=named, fingerprint=mark)
    return replace(stage, directory=directory, fingerprint=mark)


Stage = BodyStage | RepeatStage
