"""The sections of a recipe: sources, models, steps, and what is done with the student.

name: quickstart
models:
  teacher: {path: Qwen/Qwen2.5-72B-Instruct, gpus: 4, tensor_parallel: 4}
  student: {path: Qwen/Qwen2.5-7B}
sources:
  - {name: gsm8k, path: data/gsm8k/*.jsonl, task: math}
steps:
  - answer: {model: teacher, n: 4}
  - check: {reference: math}
  - select: {by: correct_share, at_most: 0.75}
train:
  - {kind: sft, student: student, epochs: 2}
evaluate:
  - gsm8k
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    field_serializer,
    field_validator,
)

from distilray.evaluate import BenchmarkEntry
from distilray.models import AnyModel, ModelSettings
from distilray.recipe.entries import Entry, arrange, arrange_trainings, entry_document, parse_entry
from distilray.recipe.errors import Problem, refusal
from distilray.recipe.repeats import Name, RepeatEntry
from distilray.recipe.steps import StepEntry
from distilray.recipe.trainings import TrainEntry, parse_training
from distilray.runner import Budget, Resources
from distilray.sources import AnchoredSource

if TYPE_CHECKING:
    ParsedEntry = Entry
    ParsedTraining = TrainEntry
else:  # pydantic does not look into them: the parsers decide
    ParsedEntry = Annotated[Any, PlainValidator(parse_entry)]
    ParsedTraining = Annotated[Any, PlainValidator(parse_training)]


class Sections(BaseModel):
    """A recipe's sections, each parsed; how they fit together is not checked yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(default="run", description="the run's name; its directory is runs/NAME unless given")
    description: str = Field(default="", description="for readers and dataset cards")
    seed: int = Field(default=0, ge=0, description="every sampling seed and every order of rows follows from it")
    models: dict[str, AnyModel] = Field(default={}, description="models by the name that steps use")
    sources: list[AnchoredSource] = Field(min_length=1, description="where instructions come from")
    steps: tuple[ParsedEntry, ...] = Field(default=(), description="what is done to them, in order")
    train: tuple[ParsedTraining, ...] = Field(
        default=(), description="trainings after the steps, in order; start_from says where each begins"
    )
    evaluate: list[BenchmarkEntry] = Field(default=[], description="benchmarks")
    resources: Resources = Field(default_factory=Resources, description="what the run may use")
    budget: Budget = Field(default_factory=Budget, description="when to stop")

    @field_validator("steps")
    @classmethod
    def _arranged(cls, steps: tuple[Entry, ...]) -> tuple[Entry, ...]:
        return _or_refused(arrange(steps))

    @field_validator("train")
    @classmethod
    def _arranged_trainings(cls, train: tuple[TrainEntry, ...], info: ValidationInfo) -> tuple[TrainEntry, ...]:
        if "steps" not in info.data:  # rejected: the trainings among them are unknown
            return train
        return _or_refused(arrange_trainings(train, _trainings(info.data["steps"])))

    @field_serializer("steps")
    def _steps_written(self, steps: tuple[Entry, ...]) -> list[dict[str, Any]]:
        return [entry_document(entry) for entry in steps]

    @field_serializer("train")
    def _trainings_written(self, train: tuple[TrainEntry, ...]) -> list[dict[str, Any]]:
        return [entry.document() for entry in train]

    def flat(self) -> list[StepEntry | TrainEntry]:
        """All steps and the trainings among them, those of repeats included, in order."""
        return _flat(self.steps)

    def all_steps(self) -> list[StepEntry]:
        """All steps, those of repeats included, in order."""
        return [entry for entry in self.flat() if isinstance(entry, StepEntry)]

    def all_trainings(self) -> list[TrainEntry]:
        """The trainings among the steps, then those that follow them."""
        return [*_trainings(self.steps), *self.train]

    def all_models(self) -> dict[str, ModelSettings]:
        """Every model that steps may ask, by name: the recipe's models, and the students of trainings among the steps
        as they are before they are trained."""
        models: dict[str, ModelSettings] = dict(self.models)
        for entry in _trainings(self.steps):
            if entry.settings.student in self.models:
                student = self.models[entry.settings.student]
                system = {"system": entry.settings.system} if entry.settings.system is not None else {}
                models[entry.name] = student.model_copy(update=system)
        return models


def _flat(steps: Iterable[Entry]) -> list[StepEntry | TrainEntry]:
    flat: list[StepEntry | TrainEntry] = []
    for entry in steps:
        flat.extend(entry.body if isinstance(entry, RepeatEntry) else [entry])
    return flat


def _trainings(steps: Iterable[Entry]) -> list[TrainEntry]:
    return [entry for entry in _flat(steps) if isinstance(entry, TrainEntry)]


def _or_refused(arranged: tuple[tuple[Any, ...], list[Problem]]) -> tuple[Any, ...]:
    entries, problems = arranged
    if problems:
        raise refusal(Problem(problem.place[1:], problem.text) for problem in problems)
    return entries
