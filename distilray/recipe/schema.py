"""The recipe that users write: which instructions, which models, which steps, and what becomes of the student.

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
  - {name: gsm8k-test, source: {name: test, path: data/gsm8k-test.jsonl, reference_pattern: "#### (.+)"}}
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from distilray.evaluate import Benchmark
from distilray.models import ModelSettings
from distilray.runner import Budget, Resources
from distilray.sources import Source

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")]


class Until(BaseModel):
    """When a repeat has reached its target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int | None = Field(default=None, ge=1, description="so many rows are kept")
    mean: dict[str, float] = Field(
        default={}, description="columns whose mean over the kept rows is at least this: {student_score: 0.95}"
    )


class RepeatSettings(BaseModel):
    """Steps in rounds, until a target, a stall, or the last round."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = "repeat"
    rounds: int = Field(default=3, ge=1, description="most rounds")
    carry_over: Literal["rejected", "kept"] = Field(
        default="rejected",
        description="which rows enter the next round: those rejected (another try) or those kept (growing)",
    )
    until: Until = Field(default_factory=Until, description="target that ends the rounds early")
    stall: float | None = Field(
        default=None,
        ge=0,
        description="end when a round changes the number of kept rows by no more than this share; "
        "default: 0, and never where the steps hold a training",
    )
    steps: list[Any] = Field(min_length=1, description="steps, written as at the top level")


class Recipe(BaseModel):
    """A recipe as parsed; ``steps`` are parsed one by one (see ``recipe.steps``), since users bring their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(default="run", description="the run's name; its directory is runs/NAME unless given")
    description: str = Field(default="", description="for people and dataset cards")
    seed: int = Field(default=0, ge=0, description="every sampling seed and every order of rows follows from it")
    models: dict[str, ModelSettings] = Field(default={}, description="models by the name that steps use")
    sources: list[Source] = Field(min_length=1, description="where instructions come from")
    steps: list[Any] = Field(default=[], description="what is done to them, in order")
    train: list[Any] = Field(default=[], description="trainings, in order; each begins where start_from says")
    evaluate: list[Benchmark] = Field(default=[], description="benchmarks")
    serve: dict[str, Any] = Field(default={}, description="how the student is served, see distilray.serve")
    resources: Resources = Field(default_factory=Resources, description="what the run may use")
    budget: Budget = Field(default_factory=Budget, description="when to stop")
