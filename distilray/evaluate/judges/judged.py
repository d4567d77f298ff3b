"""Judged: questions whose answers a judge grades, or compares with others.

models:
  judge: {kind: openai, base_url: "https://api.example/v1", model: big-1, api_key_env: BIG_KEY}
evaluate:
  - {kind: judged, name: writing, source: {...}, judge: {model: judge, form: points}}
  - {kind: judged, name: against-gpt, source: {...}, judge: {model: judge}, against: answer}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from distilray.evaluate.benchmarks.base import Benchmark, Style
from distilray.evaluate.judges.judge import HIGHEST, Judge
from distilray.evaluate.judges.verdict import Verdict
from distilray.evaluate.recorded.responses import final_text
from distilray.evaluate.results import JUDGING, Result
from distilray.ledger import UnitInput
from distilray.prompts import ANSWER, PLAIN
from distilray.rows import Outcome, Row, kept, rejected
from distilray.sources import AnchoredSource, Source
from distilray.steps import ModelName, Models, Step
from distilray.storage import Store

Against = Literal["reference", "answer"]


class JudgedStep(Step):
    """Asks the question ``samples`` times; a judge grades each answer, or compares it with the one in the column
    ``against``. An answer whose verdict cannot be read has no score, and is counted as unparsed."""

    writes: ClassVar = {
        "answer": "string",
        "answers": "list<string>",
        "correct": "list<float>",
        "correct_share": "float",
        "answer_tokens": "float",
        "truncated": "int",
        "unparsed": "int",
        "tokens": "list<int>",
        "finish": "list<string>",
        "readable": "list<bool>",
        "reasons": "list<string>",
        "agreed": "list<bool>",
        **{name: "float" for name in JUDGING},
    }

    model: ModelName
    judge: Judge
    against: Against | None = None
    style: Literal["answer", "plain"] = "plain"
    samples: Annotated[int, Field(ge=1)] = 1

    def columns_read(self) -> set[str]:
        return {"messages", *([self.against] if self.against else [])}

    async def process(self, row: Row, models: Models) -> Outcome:
        if self.against is not None and row[self.against] is None:
            return rejected(f"no {self.against}")
        prompt = ANSWER if self.style == "answer" else PLAIN
        replies = await models[self.model].replies(prompt, row, n=self.samples)
        verdicts = [await self._verdict(row, final_text(reply.text)[0], models) for reply in replies]
        values = [verdict.value for verdict in verdicts]
        read = [value for value in values if value is not None]
        taken: dict[str, Any] = {
            name: float(sum(getattr(verdict, field) for verdict in verdicts)) for name, field in JUDGING.items()
        }
        return kept(
            answer=replies[0].text,
            answers=[reply.text for reply in replies],
            correct=values,
            correct_share=sum(read) / len(read) if read else None,
            answer_tokens=sum(reply.tokens_out for reply in replies) / len(replies),
            truncated=sum(reply.finish_reason == "length" for reply in replies),
            unparsed=len(values) - len(read),
            tokens=[reply.tokens_out for reply in replies],
            finish=[reply.finish_reason for reply in replies],
            readable=[value is not None for value in values],
            reasons=["\n".join(verdict.explanations) for verdict in verdicts],
            agreed=[verdict.agreed for verdict in verdicts],
            **taken,
        )

    async def _verdict(self, row: Row, answer: str, models: Models) -> Verdict:
        judge = models[self.judge.model]
        if self.against is None:
            return await self.judge.rate(judge, row, row.instruction, answer, row["reference"])
        known = row["reference"] if self.against != "reference" else None
        return await self.judge.compare(judge, row, row.instruction, row[self.against], answer, known)

    def prompts_used(self):
        return (ANSWER if self.style == "answer" else PLAIN, self.judge.prompt)


class Judged(Benchmark):
    """A judge's points for each answer, or the share of comparisons that the model wins, ties half."""

    source: AnchoredSource = Field(description="the questions; a reference, where there is one, is shown to the judge")
    metric: Literal["points", "win_rate"] = Field(default="points", description="follows from `against`")
    judge: Judge = Field(description="who judges, and how")
    against: Against | None = Field(
        default=None, description="the column with the answers that the model's are compared with; null: none"
    )

    @model_validator(mode="before")
    @classmethod
    def _named_metric(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "metric" not in values:
            return {**values, "metric": "points" if values.get("against") is None else "win_rate"}
        return values

    @model_validator(mode="after")
    def _form_fits(self) -> Judged:
        form, paired = self.judge.form, self.against is not None
        if form == "pair" and not paired:
            raise ValueError("judge.form is pair, which compares two answers: give `against`, the others' column")
        if form == "points" and paired:
            raise ValueError("judge.form is points, which grades one answer: remove `against`, or let form be pair")
        if self.metric != ("win_rate" if paired else "points"):
            raise ValueError(f"metric is {self.metric!r}, but it follows from `against`; remove `metric`")
        return self

    def questions(self) -> Source:
        return self.source

    def step(self, model: str, style: Style) -> Step:
        return JudgedStep(model=model, judge=self.judge, against=self.against, style=style, samples=self.samples)

    def judges(self) -> set[str]:
        return {self.judge.model}

    def result(self, store: Store, units: Sequence[UnitInput], model: str) -> Result:
        result = super().result(store, units, model)
        result.highest = 1.0 if self.against is not None else HIGHEST[self.judge.form]
        return result
