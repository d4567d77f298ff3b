"""Rewrite: a model of the student's size writes the teacher's answer in its own words (post A.9, self-distillation).

    rewrite: {model: qwen2_7b, checker: judge, student: student, tokenizer: Qwen/Qwen2-7B-Instruct}

The student's own way of saying things is closer to what it already does, so that less is forgotten in training. A
rewrite is taken only if it keeps the facts and the final answer, as a verifier or the checker finds; otherwise the
original stays.
With ``student`` its perplexity of both is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from distilray import verifiers
from distilray.prompts import PRESERVED, REWRITE, Prompt
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import ModelName, ModelRole, Models
from distilray.steps.shared.demonstrations import Demonstration
from distilray.steps.shared.perplexity import perplexity
from distilray.steps.shared.sizing import SizedStep
from distilray.steps.shared.tokens import TokenizerPath
from distilray.steps.shared.trace import TraceStep, verifier_for

UNCHANGED, OTHER_LANGUAGE, CUT_OFF = "unchanged", "another language", "stops in the middle"
OTHER_LENGTH, OTHER_RESULT, UNVERIFIED = "length too different", "another result", "cannot be verified"


class Rewrite(TraceStep, SizedStep):
    """Rewrites every answer, and tags it: ``rewritten`` is whether the rewrite was taken, ``rewrite_problem`` why not,
    ``original_answer`` what stood there before. No row is rejected for a bad rewrite."""

    writes: ClassVar = {
        "answer": "string",
        "original_answer": "string",
        "rewritten": "bool",
        "rewrite_problem": "string",
        "student_perplexity_before": "float",
        "student_perplexity_after": "float",
    }
    demonstration_columns: ClassVar = ("answer", "original_answer")

    model: Annotated[ModelName, Field(description="a model of about the student's size, tuned to follow instructions")]
    tries: Annotated[int, Field(ge=1, le=8, description="rewrites tried before the original stays")] = 2
    max_length_ratio: Annotated[
        float, Field(ge=1, description="most times that one text may be as long as the other, in characters")
    ] = 3.0
    student: Annotated[
        ModelName | None,
        ModelRole(),
        Field(description="the student whose perplexity is measured, before and after; an engine that scores tokens"),
    ] = None
    tokenizer: Annotated[
        TokenizerPath | None, Field(description="the student's checkpoint, for its tokens, chat template and size")
    ] = None

    @model_validator(mode="after")
    def _tokens_are_the_students(self) -> Self:
        if self.student is not None and self.tokenizer is None:
            raise ValueError("the student's perplexity is counted in its tokens: name its checkpoint in `tokenizer`")
        return self

    async def process(self, row: Row, models: Models) -> Outcome:
        original = row["answer"]
        if not original:
            return rejected("no answer")
        text, problem = original, None
        for _ in range(self.tries):
            text = await models[self.model].ask(self.sized(REWRITE), row, answer=original)
            problem = await self._problem(row, original, text, models)
            if problem is None:
                break
        taken = problem is None
        columns: dict[str, Any] = {"rewritten": taken, "rewrite_problem": problem}
        columns |= {"original_answer": original if taken else None, "answer": text if taken else original}
        columns |= await self._perplexities(row, original, columns["answer"], models)
        return kept(**columns)

    async def _problem(self, row: Row, original: str, text: str, models: Models) -> str | None:
        """Why ``text`` does not take the place of ``original``; None if it does."""
        if text.split() == original.split():
            return UNCHANGED
        if not verifiers.same_language(text, row.language) and verifiers.same_language(original, row.language):
            return OTHER_LANGUAGE
        if verifiers.is_truncated(text) and not verifiers.is_truncated(original):
            return CUT_OFF
        if max(len(text), len(original)) > self.max_length_ratio * min(len(text), len(original)):
            return OTHER_LENGTH
        same = await self._same_result(row, original, text)
        if same is False:
            return OTHER_RESULT
        if self.checker is not None:
            found = await models[self.checker].ask(PRESERVED, row, answer=original, rewrite=text)
            return found.problem
        return None if same else UNVERIFIED

    async def _same_result(self, row: Row, original: str, text: str) -> bool | None:
        """Whether a verifier finds the original's result in ``text``: the reference, if the original reaches it, else
        what the original states as its result. None where no verifier can tell."""
        bare = row.having(reasoning=None)
        before = await self.verified(bare, original)
        if before.right:
            return (await self.verified(bare, text)).right
        result = verifiers.extract_final_answer(original, "text")
        if result is None or verifiers.extract_final_answer(text, "text") is None:
            return None
        stated = bare.having(reference=result)
        kind = verifier_for(stated)
        return None if kind in ("none", "code") else (await verifiers.grade(kind, text, result)).right

    async def _perplexities(self, row: Row, original: str, answer: str, models: Models) -> dict[str, Any]:
        if self.student is None or self.tokenizer is None:
            return {}
        before = await perplexity(models[self.student], self.tokenizer, row, original)
        after = before
        if answer != original:
            after = await perplexity(models[self.student], self.tokenizer, row, answer)
        return {"student_perplexity_before": before, "student_perplexity_after": after}

    def demonstrations(self, row: Row, parent: Row | None) -> Iterator[Demonstration]:
        if row["original_answer"]:
            yield Demonstration(self.sized(REWRITE), row, {"answer": row["original_answer"]}, row["answer"])

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (self.sized(REWRITE), *((PRESERVED,) if self.checker is not None else ()))
