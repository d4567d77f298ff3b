"""What a recipe says about a benchmark."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from distilray.sources import Source

STUDENT_BEFORE, STUDENT_AFTER = "student_before", "student_after"


class Benchmark(BaseModel):
    """Questions with known answers, and who is to answer them.

    evaluate:
      - name: practice
        source: {name: held-out, uses: "distilray.practice:problems", with: {rows: 300, seed: 9, held_out: true}}
        models: [student_before, student_after, teacher]
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[\w.-]+$", description="the benchmark's name in tables and folders")
    source: Source = Field(description="its questions; rows without a reference are not asked")
    metric: Literal["exact_match"] = Field(
        default="exact_match", description="share of answers that match the reference"
    )
    compare: Literal["numeric", "math", "choice"] = Field(default="numeric", description="how an answer is compared")
    models: tuple[str, ...] = Field(
        default=(STUDENT_BEFORE, STUDENT_AFTER), description="student_before, student_after, or models of the recipe"
    )
    limit: int | None = Field(default=None, ge=1, description="the first so many questions only")
    samples: int = Field(default=1, ge=1, description="answers to each question; accuracy is their mean")
