"""The stages that pass over rows: a phase is consecutive row steps in one pass; a global step sees the whole set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from distilray.ledger import plain_folder
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
        """Part of its sampling seeds, with row and call: the name, or for a renamed step its original
        name, so that the same recipe still gets the same replies."""
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
        return plain_folder(self.directory).rsplit("/", 1)[-1]

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
        return plain_folder(self.directory).rsplit("/", 1)[-1]
