"""Questions: any source whose rows have references; an answer is right or wrong.

evaluate:
  - name: practice
    source: {name: held-out, uses: "distilray.practice:problems", with: {rows: 300, seed: 9, split: held_out}}
    compare: numeric
    models: [student_before, student_after, teacher]
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distilray.evaluate.benchmarks.base import Benchmark, Style
from distilray.evaluate.phrasings import Phrasings, phrased_step
from distilray.sources import AnchoredSource, Source
from distilray.steps import Step
from distilray.verifiers import COMPARISONS, comparison


class Questions(Benchmark):
    """Exact match: the share of answers that match the reference."""

    source: AnchoredSource = Field(description="the questions; rows without a reference are not asked")
    metric: Literal["exact_match"] = Field(
        default="exact_match", description="share of answers that match the reference"
    )
    compare: Annotated[
        str, comparison(), Field(description=f"how an answer is compared with the reference: {COMPARISONS}")
    ] = "numeric"
    phrasings: Phrasings = Field(
        default=1,
        description="prompt sensitivity: ask in so many phrasings of ours, or in texts with {question}; 1: as they are",
    )

    def questions(self) -> Source:
        return self.source

    def step(self, model: str, style: Style) -> Step:
        settings = {"model": model, "style": style, "compare": self.compare, "samples": self.samples}
        return phrased_step(self.phrasings, **settings)
