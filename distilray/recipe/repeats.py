"""A repeat: steps, and trainings among them, in rounds until a target, a stall or the last round.

steps:
  - repeat:
      rounds: 3
      carry_over: rejected
      steps: [{answer: {model: teacher}}, check]

    steps=[Repeat(rounds=3, steps=[Answer(model="teacher"), Check()])]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, field_serializer

from distilray.recipe.errors import Problem, problems_of, refusal
from distilray.recipe.locations import Place
from distilray.recipe.steps import StepEntry, mapping, parse_step, settings_document
from distilray.recipe.trainings import TrainEntry, parse_training
from distilray.train import TrainSettings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")]
BodyEntry = StepEntry | TrainEntry
"""What a repeat may hold."""


def parse_body_entry(item: Any) -> BodyEntry:
    """A step, or a training among the steps. Raises pydantic's ``ValidationError``."""
    match item:
        case TrainEntry() | TrainSettings():
            return parse_training(item)
        case {"train": written} if len(item) == 1:
            try:
                return parse_training(mapping("train", written))
            except ValidationError as error:
                raise refusal(problems_of(error, ("train",), TrainSettings)) from error
        case {"repeat": _} | Repeat() | RepeatEntry():
            text = "a repeat inside a repeat is not possible; move its steps to the outer one"
            raise refusal([Problem(("repeat",), text)])
        case _:
            return parse_step(item)


class Until(BaseModel):
    """When a repeat has reached its target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int | None = Field(default=None, ge=1, description="number of kept rows to reach")
    mean: dict[str, float] = Field(
        default={}, description="mean that each column has to reach over the kept rows: {student_score: 0.95}"
    )


class Repeat(BaseModel):
    """Steps in rounds, until a target, a stall, or the last round."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(default="repeat", description="the repeat's name")
    rounds: int = Field(default=3, ge=1, description="maximum number of rounds")
    carry_over: Literal["rejected", "kept"] = Field(
        default="rejected",
        description="which rows enter the next round: those rejected (another try) or those kept (growing)",
    )
    until: Until = Field(default_factory=Until, description="target that ends the rounds early")
    stall: float | None = Field(
        default=None,
        ge=0,
        description="end when a round changes the number of kept rows by no more than this share; "
        "default: 0, and never where the steps include a training",
    )
    steps: tuple[Annotated[Any, PlainValidator(parse_body_entry)], ...] = Field(
        min_length=1, description="steps, written as at the top level"
    )

    @field_serializer("steps")
    def _written(self, steps: tuple[BodyEntry, ...]) -> list[dict[str, Any]]:
        return [body_document(entry) for entry in steps]


def body_document(entry: BodyEntry) -> dict[str, Any]:
    """``entry`` as a recipe writes it among its steps."""
    return {"train": entry.document()} if isinstance(entry, TrainEntry) else entry.document()


@dataclass(frozen=True)
class RepeatEntry:
    settings: Repeat
    place: Place = field(default=(), compare=False)

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def body(self) -> tuple[BodyEntry, ...]:
        return self.settings.steps

    @property
    def trains(self) -> bool:
        return any(isinstance(entry, TrainEntry) for entry in self.body)

    @property
    def stall(self) -> float | None:
        """Share of change at which the rounds end. None: never, because a training does not change rows."""
        default = None if self.trains else 0.0
        return default if self.settings.stall is None else self.settings.stall

    def document(self) -> dict[str, Any]:
        return {"repeat": settings_document(self.settings)}


def parse_repeat(item: Any) -> RepeatEntry:
    """A repeat, in either form. Raises pydantic's ``ValidationError``."""
    if isinstance(item, RepeatEntry):
        return item
    if isinstance(item, Repeat):
        return RepeatEntry(item)
    try:
        return RepeatEntry(Repeat.model_validate(item))
    except ValidationError as error:
        raise refusal(problems_of(error, (), Repeat)) from error
