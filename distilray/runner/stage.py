"""Stages: what a plan is made of. A phase is consecutive row steps in one pass; a global step sees the whole set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from distilray.models import ModelSettings
from distilray.rows import schema_with
from distilray.steps import GlobalStep, Step


@dataclass(frozen=True)
class NamedStep:
    """A step under the name that it has in a recipe (and in the ledger)."""

    name: str
    step: Step | GlobalStep


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
class GlobalPass:
    """One global step: reads projected columns, writes decisions."""

    directory: str
    step: NamedStep
    fingerprint: str = ""

    @property
    def name(self) -> str:
        return self.directory.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Repeat:
    """Stages run in rounds until nothing is left to do, a target is met, rounds run out, or nothing moves."""

    directory: str
    rounds: int
    again: str
    """Which rows enter the next round: ``"rejected"`` (those that did not make it) or ``"kept"`` (all that stay)."""
    until_rows: int | None
    stall: float
    """The rounds end when one changes the kept rows by no more than this share."""
    body: tuple[Phase | GlobalPass, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.directory.rsplit("/", 1)[-1]


Stage = Phase | GlobalPass | Repeat
