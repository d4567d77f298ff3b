"""A step that is not distilray's own, for tests of ``uses``."""

from __future__ import annotations

from distilray import Models, Outcome, Row, Step, kept


class Shout(Step):
    """Answer in capitals."""

    marks: int | None = 1
    word: str = ""

    reads = ("answer",)
    writes = {"answer": "string"}  # noqa: RUF012

    async def process(self, row: Row, models: Models) -> Outcome:
        return kept(answer=row["answer"].upper() + self.word + "!" * (self.marks or 0))
