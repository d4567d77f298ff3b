"""Published: a benchmark of a recipe by its published name, asked and scored as that is.

evaluate:
  - gsm8k                                                     # from the Hugging Face hub
  - {kind: aime_2024, samples: 16, data_dir: data/benchmarks}
  - {kind: mt_bench, judge: judge, models: [student_after]}
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec.structs import replace
from pydantic import AfterValidator, Field, model_validator

from distilray.evaluate.asking.evaluations import evaluation_of, result_line
from distilray.evaluate.asking.questions import QUESTION, data_identity
from distilray.evaluate.asking.step import PublishedStep
from distilray.evaluate.benchmarks import wording
from distilray.evaluate.benchmarks.base import Benchmark, Style
from distilray.evaluate.benchmarks.registry import UnknownBenchmark, published_benchmark
from distilray.evaluate.phrasings import Phrasings, texts_of
from distilray.evaluate.recorded.summaries import Evaluation
from distilray.evaluate.results import Result
from distilray.ledger import UnitInput
from distilray.models import GenerativeModel, ModelSettings
from distilray.sources import Source
from distilray.steps import Step
from distilray.storage import Store, absolute

Anchored = Annotated[str, AfterValidator(absolute)]
"""A directory that workers, which run elsewhere, find too."""


class Published(Benchmark):
    """A published benchmark. What is not given is as its file under ``evaluate/benchmarks`` states it."""

    published: str = Field(description="which benchmark; in a recipe its `kind`")
    data_dir: Anchored | None = Field(
        default=None, description="where its data set lies, as DIR/BENCHMARK or DIR; default: the Hugging Face hub"
    )
    max_tokens: int = Field(ge=1, description="most tokens of a reply, reasoning included; default: the benchmark's")
    temperature: float | None = Field(
        default=None, ge=0, le=5, description="default: the benchmark's own where it has one, else the model's"
    )
    phrasings: Phrasings = Field(
        default=1,
        description="prompt sensitivity: ask in so many phrasings of ours, or in texts with {question}; 1: as usual",
    )
    judge: str | None = Field(default=None, description="the model that judges, for benchmarks that need one")
    judge_cache: bool | str = Field(
        default=True,
        description="keep the replies of a greedy judge over runs: true: in $DISTILRAY_CACHE of each node, or a folder "
        "or URI that all nodes reach, or false",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_published(cls, values: Any) -> Any:
        """Fills in what the benchmark itself states."""
        if not isinstance(values, Mapping) or not isinstance(values.get("published"), str):
            return values
        try:
            known = published_benchmark(values["published"])
        except UnknownBenchmark as error:
            raise ValueError(str(error)) from error
        asking = known.asking
        stated = {
            "name": known.name,
            "metric": known.metrics[0],
            "samples": asking.samples,
            "max_tokens": asking.max_tokens,
            "temperature": asking.temperature,
        }
        return {**stated, **values, "published": known.name}

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Published:
        known = published_benchmark(self.published)
        if known.judged and self.judge is None:
            raise ValueError(f"{self.published} is scored by a judge: give `judge`, the name of a model")
        if self.judge is not None and not known.judged:
            raise ValueError(f"judge is {self.judge!r}, but {self.published} is scored without one; remove `judge`")
        if self.metric not in known.metrics:
            raise ValueError(f"{self.published} has no metric {self.metric!r}; it has {', '.join(known.metrics)}")
        return self

    def questions(self) -> Source:
        """The data set, read where rows are made of it."""
        return Source.model_validate(
            {
                "name": self.published,
                "uses": "distilray.evaluate:benchmark_questions",
                "with": {"benchmark": self.published, "data_dir": self.data_dir},
                "keep": {QUESTION: "string"},
            }
        )

    def questions_id(self) -> Any:
        """The data set's files, wherever they lie, and the words in which it is asked."""
        asked = published_benchmark(self.published).asker()
        module = inspect.getmodule(type(asked))
        assert module is not None
        words = [inspect.getsource(module), inspect.getsource(wording)]
        return [self.published, [list(file) for file in data_identity(asked, self.data_dir)], words]

    def unit_rows(self, usual: int) -> int:
        return min(usual, published_benchmark(self.published).asking.unit_rows or usual)

    def asked_of(self, model: ModelSettings) -> ModelSettings:
        """``model`` with this benchmark's limit of tokens, and its temperature where it has one."""
        if not isinstance(model, GenerativeModel):
            return model
        changes: dict[str, Any] = {"max_tokens": self.max_tokens}
        if self.temperature is not None:
            changes["temperature"] = self.temperature
        return model.model_copy(update={"sampling": model.sampling.overridden(**changes)})

    @property
    def turns(self) -> int:
        """Turns of one conversation."""
        return published_benchmark(self.published).asker().asking.turns

    def step(self, model: str, style: Style) -> Step:
        return PublishedStep(
            published=self.published,
            model=model,
            samples=self.samples,
            judge=self.judge,
            judge_cache=self.judge_cache,
            **texts_of(self.phrasings),
        )

    def judges(self) -> set[str]:
        return set() if self.judge is None else {self.judge}

    def evaluation(self, store: Store, units: Sequence[UnitInput], model: str) -> Evaluation:
        found = evaluation_of(store, units, published_benchmark(self.published), model, self.data_dir)
        if self.phrasings == 1:
            return found
        main = published_benchmark(self.published).metrics  # answers in several phrasings are no draws of one
        metrics = {name: one for name, one in found.metrics.items() if name in main or not name.startswith("pass@")}
        return replace(found, metrics=metrics)

    def result(self, store: Store, units: Sequence[UnitInput], model: str) -> Result:
        return result_line(self.evaluation(store, units, model), self.name, self.metric)
