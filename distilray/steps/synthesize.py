"""Synthesize: instructions from nothing, as Magpie makes them (post A.1; Xu et al. 2024, arXiv 2406.08464).

    sources:
      - {name: magpie, uses: "distilray.steps:blank_rows", with: {rows: 20000, tasks: [math, writing]}, license: own}
    steps:
      - synthesize: {model: teacher, tokenizer: Qwen/Qwen2-72B-Instruct, judge: judge}

An aligned model gets a system turn that names the type of task, and the opening of a user's turn: what it goes on with
is a user's request, in the system turn's language. Requests that were cut, are of the wrong length or language, repeat
the template, or are graded too low are tried again, then the row is rejected. Rows of other sources pass unchanged.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from distilray import verifiers
from distilray.models import Reply
from distilray.prompts import CLASSIFY_TASK, GRADES, RATE_INSTRUCTION, SYNTHESIZE, TASK_TYPES, TASKS, Grade, Prompt
from distilray.rows import Outcome, Row, content_hash, kept, rejected
from distilray.steps.base import ModelName, ModelRole, Models, Step
from distilray.steps.shared.created import OTHER_LANGUAGE, OTHER_TASK, TOO_LONG, TOO_SHORT, asked, written_in
from distilray.steps.shared.tokens import TokenizerPath, opening_tokens

BLANK = "(to be written)"
"""What a row without an instruction asks until this step has run."""
CUT, TEMPLATE_TEXT, NO_REQUEST = "cut by length", "text of the template", "not a request"


def blank_rows(
    rows: int,
    languages: Mapping[str, float] | None = None,
    tasks: Mapping[str, float] | Sequence[str] | None = None,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """Records without an instruction: a source's ``uses``. ``languages`` and ``tasks`` are shares of any scale or
    names of tasks; by default both languages and the 33 types of task alike. Raises ValueError for an unknown task."""
    weights = {"en": 1.0, "zh": 1.0} if languages is None else dict(languages)
    kinds = dict(tasks) if isinstance(tasks, Mapping) else dict.fromkeys(TASKS if tasks is None else tasks, 1.0)
    if unknown := sorted({*kinds} - {*TASK_TYPES}):
        raise ValueError(f"blank_rows: {unknown[0]!r} is no task type; they are {', '.join(TASK_TYPES)}")
    dice = random.Random(f"blank/{seed}")
    for _ in range(rows):
        [language] = dice.choices(list(weights), list(weights.values()))
        [task] = dice.choices(list(kinds), list(kinds.values())) if kinds else [None]
        yield {"instruction": BLANK, "language": language, "task": task}


class Synthesize(Step):
    """Writes the instructions of blank rows."""

    reads: ClassVar = ("messages",)
    writes: ClassVar = {"messages": "messages", "content_hash": "string", "synthesized": "bool", "grade": "string"}

    model: Annotated[ModelName, Field(description="an aligned model on a vLLM engine, which goes on from tokens")]
    tokenizer: Annotated[TokenizerPath, Field(description="that model's checkpoint, for its chat template")]
    judge: Annotated[
        ModelName | None, ModelRole(), Field(description="model that grades the requests; null: nobody")
    ] = None
    checker: Annotated[
        ModelName | None, ModelRole(), Field(description="model that names their types of task; null: nobody")
    ] = None
    grade_at: Annotated[Grade, Field(description="lowest grade that is kept: " + ", ".join(GRADES))] = "good"
    min_characters: Annotated[int, Field(ge=1, description="shorter requests are not taken")] = 8
    max_characters: Annotated[int, Field(ge=1, description="longer requests are not taken")] = 4000
    tries: Annotated[int, Field(ge=1, le=16, description="requests tried before the row is rejected")] = 3

    async def process(self, row: Row, models: Models) -> Outcome:
        if row.instruction != BLANK:
            return kept()
        task = row["task"] if row["task"] in TASKS else None
        system = SYNTHESIZE.messages(row, task=task)[:1]
        tokens, stop_ids = await opening_tokens(self.tokenizer, system[0]["content"])
        grade, problem = None, ""
        for _ in range(self.tries):
            reply = await models[self.model].continued(SYNTHESIZE, system, tokens, stop_ids)
            text = reply.text.strip()
            problem = self._form_problem(reply, text, row.language)
            if problem is None and not await written_in(text, row.language):
                problem = OTHER_LANGUAGE
            if problem is None:
                grade, problem = await self._judged(row, text, models)
            if problem is None:
                messages = [{"role": "user", "content": text}]
                columns = {"messages": messages, "content_hash": content_hash(messages)}
                return kept(**columns, synthesized=True, grade=grade)
        return rejected(problem or NO_REQUEST, synthesized=False, grade=grade)

    def _form_problem(self, reply: Reply, text: str, language: str) -> str | None:
        if reply.finish_reason == "length":
            return CUT
        if len(text) < self.min_characters:
            return TOO_SHORT
        if len(text) > self.max_characters:
            return TOO_LONG
        if "<|" in text or "</s>" in text or "<think>" in text:
            return TEMPLATE_TEXT
        return NO_REQUEST if verifiers.is_refusal(text, language) else None

    async def _judged(self, row: Row, text: str, models: Models) -> tuple[Grade | None, str | None]:
        """The grade, and what is wrong with the request."""
        new, grade = asked(row, text, row.language), None
        if self.judge is not None:
            grade = await models[self.judge].ask(RATE_INSTRUCTION, new)
            if GRADES.index(grade) < GRADES.index(self.grade_at):
                return grade, f"graded below {self.grade_at}"
        if self.checker is None or row["task"] not in TASK_TYPES:
            return grade, None
        same = await models[self.checker].ask(CLASSIFY_TASK, new) == row["task"]
        return grade, None if same else OTHER_TASK

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        rating = (RATE_INSTRUCTION,) if self.judge is not None else ()
        return (SYNTHESIZE, *rating, *((CLASSIFY_TASK,) if self.checker is not None else ()))
