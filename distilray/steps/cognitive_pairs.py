"""Cognitive pairs: preferences of three gaps, each with its own beta (post B.23, the CogPO paper).

    cognitive_pairs: {model: student, samples: 4}        # after align_trace

small     the aligned trace over the original        both right, one unsuited to a small student
medium    the original over a wrong trace            unsuited but right over wrong
large     the aligned trace over a wrong trace       suited and right over wrong

Each pair is a child row: ``answer`` (and ``reasoning``) is chosen, ``rejected_answer`` is not, ``beta`` is how strongly
DPO holds this pair to the reference model: the wider the gap, the stronger, so that easy wins do not dominate. The
row itself is kept along with its pairs, so that the same run can fine-tune on it first (its training takes no pairs).
A pair whose two texts are the same, white space aside, is left out and counted in ``same_pairs``: it has nothing to
prefer. For fast thinking put ``inline_trace`` after this step: it joins trace and answer on both sides of a pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from distilray import verifiers
from distilray.models import Reply
from distilray.prompts import PLAIN, SPOIL_TRACE, Prompt, trace_steps
from distilray.rows import MalformedRecord, Outcome, Row, child_id, join_reasoning, kept, rejected
from distilray.steps.base import ModelName, Models
from distilray.steps.shared.reasoning import split_reply
from distilray.steps.shared.trace import TraceStep, conclusion_of, trace_of, with_trace

Gap = Literal["small", "medium", "large"]
GAPS: tuple[Gap, ...] = ("small", "medium", "large")


class Betas(BaseModel):
    """DPO's beta of each gap."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    small: Annotated[float, Field(gt=0, description="aligned over original")] = 0.05
    medium: Annotated[float, Field(gt=0, description="original over wrong")] = 0.1
    large: Annotated[float, Field(gt=0, description="aligned over wrong")] = 0.2


class CognitivePairs(TraceStep):
    """Makes up to three preference pairs from every row that ``align_trace`` has processed."""

    reads: ClassVar = ("messages", "answer", "traces", "ratings")
    writes: ClassVar = {
        "answer": "string",
        "reasoning": "string",
        "rejected_answer": "string",
        "gap": "string",
        "beta": "float",
        "pairs": "int",
        "same_pairs": "int",
        "traces": "list<string>",
    }
    most_children: ClassVar = len(GAPS)

    model: Annotated[ModelName, Field(description="what writes wrong traces: the student itself, or a rewriter")]
    wrong: Annotated[
        Literal["sampled", "spoiled"],
        Field(description="sampled: the model's own wrong answers; spoiled: the right trace, rewritten with a mistake"),
    ] = "sampled"
    samples: Annotated[
        int, Field(ge=1, le=64, description="attempts at a wrong trace; a greedy model samples them at temperature 1")
    ] = 4
    betas: Annotated[Betas, Field(description="beta of each gap")] = Betas()
    parents: Annotated[
        Literal["keep", "drop"], Field(description="whether the rows themselves are kept along with their pairs")
    ] = "keep"

    async def process(self, row: Row, models: Models) -> Outcome:
        if not row["traces"]:
            return rejected("not aligned")
        if trace_of(row) != row["traces"][-1]:
            return rejected("trace and answer are one text already: make the pairs before inline_trace")
        wrong = await self._wrong(row, models)
        made = list(self._pairs(row, wrong))
        pairs = [pair for pair in made if not _same(self._text(row, pair[1]), pair[2])]
        same = len(made) - len(pairs)
        children = [self._child(row, *pair) for pair in pairs]
        if self.parents == "keep":
            return kept(children=children, pairs=len(pairs), same_pairs=same)
        reason = "replaced by its pairs" if pairs else "chosen equals rejected" if same else "no pairs"
        columns = {"pairs": len(pairs), "same_pairs": same}
        return Outcome("rejected", reason, columns=columns, children=tuple(children))

    def _pairs(self, row: Row, wrong: str | None) -> Iterator[tuple[Gap, str, str]]:
        """Gap, chosen trace, and the whole rejected text."""
        original, aligned = row["traces"][0], row["traces"][-1]
        if original != aligned:
            yield "small", aligned, self._text(row, original)
            if wrong is not None:
                yield "medium", original, wrong
        if wrong is not None:
            yield "large", aligned, wrong

    def _child(self, row: Row, gap: Gap, chosen: str, not_chosen: str) -> Row:
        return row.having(
            id=child_id(row.id, "pairs", GAPS.index(gap)),
            parent=row.id,
            **with_trace(row, chosen),
            rejected_answer=not_chosen,
            gap=gap,
            beta=getattr(self.betas, gap),
            traces=None,
        )

    @staticmethod
    def _text(row: Row, trace: str) -> str:
        return join_reasoning(trace, row["answer"]) if row["reasoning"] else trace

    async def _wrong(self, row: Row, models: Models) -> str | None:
        """A text that certainly ends in a wrong answer, if the model produces one."""
        model = models[self.model]
        if self.wrong == "sampled":
            replies = await model.replies(PLAIN, row, n=self.samples)
        else:
            trace, answer = trace_of(row), conclusion_of(row)
            replies = await model.replies(SPOIL_TRACE, row, n=self.samples, trace=trace, answer=answer)
        as_answer = row.having(reasoning=None)  # the reply is judged as an answer, not as thoughts before one
        for reply in replies:
            if reply.finish_reason != "length":
                text, solution = self._read(row, reply)
                if text and (await self.reaches(as_answer, solution, models)).right is False:
                    return text
        return None

    def _read(self, row: Row, reply: Reply) -> tuple[str | None, str]:
        """The whole text of a wrong answer, as the student would write it, and the part that shows its result."""
        if self.wrong == "spoiled":
            try:
                trace = SPOIL_TRACE.parse(reply.text)
            except ValueError:
                return None, ""
            if not row["reasoning"]:
                return trace, trace
            answer = verifiers.extract_final_answer(trace, "text") or trace_steps(trace)[-1]
            return join_reasoning(trace, answer), trace
        try:
            reasoning, answer = split_reply(reply)
        except MalformedRecord:
            return None, ""
        return join_reasoning(reasoning, answer), answer

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (*super().prompts_used(), PLAIN if self.wrong == "sampled" else SPOIL_TRACE)


def _same(one: str, other: str) -> bool:
    """Whether two texts differ in white space only."""
    return one.split() == other.split()
