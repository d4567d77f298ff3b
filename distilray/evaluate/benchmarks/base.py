"""What a benchmark is: its settings, its questions, the step that asks them, and how the answers become a result.

    class Riddles(Benchmark):
        \"\"\"Riddles from a file, answered by a letter.\"\"\"

        path: str

        def questions(self) -> Source:
            return Source(name="riddles", path=self.path)

        def step(self, model: str, style: Style) -> Step:
            return BenchmarkStep(model=model, style=style, compare="choice", samples=self.samples)

A recipe then says ``evaluate: [{uses: my_package:Riddles, name: riddles, path: riddles.jsonl}]``. Everything else is
the same for all: models answer through engine pools as rows pass through any step, so that an evaluation is sharded,
resumed and accounted for like a run's own steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from distilray.evaluate.recorded.summaries import Evaluation
from distilray.evaluate.results import Result, measured
from distilray.ledger import UnitInput
from distilray.models import ModelSettings
from distilray.sources import Source
from distilray.steps import Step
from distilray.storage import Store

STUDENT_BEFORE, STUDENT_AFTER = "student_before", "student_after"

Style = Literal["answer", "plain"]
"""How a model is asked. ``answer``: like teachers in a run; ``plain``: the question alone, like a student."""


class Benchmark(BaseModel, ABC):
    """Settings that all benchmarks have, parsed from a recipe, and what each kind defines for itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[\w.-]+$", description="the benchmark's name in tables and directories")
    metric: str = Field(default="exact_match", description="the metric's name in tables")
    models: tuple[str, ...] = Field(
        default=(STUDENT_BEFORE, STUDENT_AFTER),
        description="who answers: student_before, student_after, or models of the recipe",
    )
    limit: int | None = Field(default=None, ge=1, description="ask only the first so many questions")
    samples: int = Field(default=1, ge=1, description="answers to each question; the result is their mean")

    @abstractmethod
    def questions(self) -> Source:
        """Where the questions come from."""

    @abstractmethod
    def step(self, model: str, style: Style) -> Step:
        """The step in which ``model`` answers one question and the answer is scored.

        It writes ``correct_share`` (0 to 1), ``answer_tokens`` and ``truncated``, unless :meth:`result` reads others.
        """

    def judges(self) -> set[str]:
        """Models of the recipe that the step asks in addition to the one that answers."""
        return set()

    def questions_id(self) -> Any:
        """What identifies the questions, as JSON; None: the settings and files of their source."""
        return None

    def unit_rows(self, usual: int) -> int:
        """Questions of one unit, where a run has ``usual`` rows."""
        return usual

    def asked_of(self, model: ModelSettings) -> ModelSettings:
        """``model`` as it answers these questions: with another limit of tokens, for example."""
        return model

    def evaluation(self, store: Store, units: Sequence[UnitInput], model: str) -> Evaluation | None:
        """All metrics of ``model``, for benchmarks that have several; None for the others."""
        return None

    def result(self, store: Store, units: Sequence[UnitInput], model: str) -> Result:
        """The result of ``model``, measured from the answered rows in ``units``."""
        return measured(store, units, model, self.name, self.metric)
