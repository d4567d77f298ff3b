"""What the truth says of an answer, for the report alone: in a real run nobody knows it.

sources:
  - {name: problems, uses: "distilray.practice:problems", with: {rows: 400, seed: 1, without_reference: 0.5},
     keep: {truth: string}}
steps:
  - answer: {model: teacher}
  - {uses: "distilray.practice:TellTruth", name: truth}
"""

from __future__ import annotations

from typing import ClassVar

from distilray import verifiers
from distilray.rows import Outcome, Row, kept
from distilray.steps import Models, Step


class TellTruth(Step):
    """Writes whether the answer is right by the column ``truth``, and keeps every row."""

    reads: ClassVar = ("answer", "truth")
    writes: ClassVar = {"truth_right": "bool"}

    async def process(self, row: Row, models: Models) -> Outcome:
        if not row["answer"] or row["truth"] is None:
            return kept()
        verdict = await verifiers.grade("numeric", row["answer"], row["truth"])
        return kept(truth_right=verdict.right is True)
