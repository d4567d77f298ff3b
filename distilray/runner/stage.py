"""Stages: what a plan is made of. A phase is consecutive row steps in one pass; a global step sees the whole set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from distilray.ledger import fingerprint
from distilray.models import ModelSettings
from distilray.rows import schema_with
from distilray.steps import GlobalStep, Step


@dataclass(frozen=True)
class NamedStep:
    """A step under the name that it has in a recipe (and in the ledger)."""

    name: str
    step: Step | GlobalStep

    @property
    def salt(self) -> str:
        """What its sampling seeds are made of beside row and call: the name, or for a step that was renamed the name
        that it had, so that the same recipe still gets the same replies."""
        now, before = self.step.renamed if isinstance(self.step, Step) and self.step.renamed else ("", "")
        return before + self.name.removeprefix(now) if now and self.name.startswith(now) else self.name


@dataclass(frozen=True)
class Phase:
    """Consecutive row steps: one pass over the rows, the pools of all their models resident."""

    directory: str
    """Where its units lie, relative to the run: ``steps/01-answer+judge``."""
    steps: tuple[NamedStep, ...]
    models: Mapping[str, ModelSettings]
    columns: Mapping[str, str]
    """Columns beyond the core that its rows may have, from sources, earlier stages and its own steps."""
    fingerprint: str = ""

    @property
    def name(self) -> str:
        return self.directory.rsplit("/", 1)[-1]

    def schema(self):
        return schema_with(self.columns)


@dataclass(frozen=True)
class GlobalStage:
    """One global step: reads projected columns, writes decisions."""

    directory: str
    step: NamedStep
    fingerprint: str = ""

    @property
    def name(self) -> str:
        return self.directory.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Training:
    """A training among the steps: rows pass it unchanged, and its student is a model of the phases after it."""

    directory: str
    """Where its tokens, figures and checkpoint lie: ``training/learner``, in a round ``training/learner-round-2``."""
    model: str
    """The name under which phases after it ask its student."""
    entry: Any
    """What the recipe says of it; whoever carries it out knows how to read it."""
    fingerprint: str = ""

    @property
    def name(self) -> str:
        return self.directory.rsplit("/", 1)[-1]


Body = Phase | GlobalStage | Training
"""What may stand in a repeat."""


@dataclass(frozen=True)
class Repeat:
    """Stages run in rounds until nothing is left to do, a target is met, rounds run out, or nothing moves."""

    directory: str
    rounds: int
    carry_over: str
    """Which rows enter the next round: ``"rejected"`` (those that did not make it) or ``"kept"`` (all that stay)."""
    until_rows: int | None
    until_mean: Mapping[str, float]
    """Columns to the mean over the kept rows at which the rounds end; all of them must have come so far."""
    stall: float | None
    """The rounds end when one changes the kept rows by no more than this share; None: they do not."""
    body: tuple[Body, ...] = field(default=())
    """The stages of any round; :meth:`in_round` has those of one."""

    @property
    def name(self) -> str:
        return self.directory.rsplit("/", 1)[-1]

    def in_round(self, number: int) -> list[Body]:
        """The stages of round ``number``, from 1, each with a place and settings of its own."""
        return [_in_round(self.directory, stage, number) for stage in self.body]


def _in_round(repeat: str, stage: Body, number: int) -> Body:
    mark = fingerprint([stage.fingerprint, number])
    if isinstance(stage, Training):
        return replace(stage, directory=f"{stage.directory}-round-{number}", fingerprint=mark)
    directory = f"{repeat}/round-{number}/{stage.name}"
    if isinstance(stage, GlobalStage):
        step = stage.step.step
        assert isinstance(step, GlobalStep)
        named = NamedStep(stage.step.name, step.in_round(number))
        return replace(stage, directory=directory, step=named, fingerprint=mark)
    return replace(stage, directory=directory, fingerprint=mark)


Stage = Phase | GlobalStage | Training | Repeat
