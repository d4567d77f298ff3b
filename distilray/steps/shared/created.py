"""Instructions that a model wrote: what has to be true of each before it becomes a row, and the row that it becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator

from distilray import verifiers
from distilray.prompts import CLASSIFY_TASK, COMPARE_CONTENT, TASK_TYPES, Prompt
from distilray.rows import CORE, LABELS, TURN_WEIGHTS, Row, child_id, content_hash, guess_language
from distilray.steps.base import ClassifierName, ModelName, ModelRole, Models, Step
from distilray.steps.shared.overlap import near_copy

TOO_SHORT, TOO_LONG = "too short", "too long"
OTHER_LANGUAGE, OTHER_TASK = "another language", "another task"
NEAR_COPY, SAME_CONTENT = "near-copy", "same content"

_CODE = re.compile(r"```.*?(?:```|$)|`[^`\n]*`", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")
_OF_TURNS = (TURN_WEIGHTS, "untrained_answer", *LABELS)


async def written_in(text: str, language: str) -> bool:
    """Whether ``text`` is in ``language``. Chinese and English are told by their scripts, code aside; a text without
    letters is in any language."""
    said = _CODE.sub(" ", text)
    if not _LETTER.search(said):
        return True
    if language in ("en", "zh"):
        return guess_language(said) == language
    return (await verifiers.grade("language", said, language)).right is not False


class CreatingStep(Step):
    """A step that has instructions written, and checks what came back."""

    reads: ClassVar = ("messages",)

    checker: Annotated[
        ModelName | None,
        ModelRole(),
        Field(description="model that names the task of a new instruction, and says whether its content is other"),
    ] = None
    classifier: Annotated[
        ClassifierName | None, ModelRole(labels=True), Field(description="classifier that names the task instead")
    ] = None
    max_overlap: Annotated[
        float,
        Field(ge=0, le=1, description="largest share of pieces of three words in common with parent or sibling"),
    ] = 0.5
    min_characters: Annotated[int, Field(ge=1, description="shorter instructions are dropped")] = 4
    max_characters: Annotated[int, Field(ge=1, description="longer instructions are dropped")] = 4000
    inherit: Annotated[
        tuple[str, ...],
        Field(description="columns that a new row takes over, besides source, task and what the source's record held"),
    ] = ()
    guidance: Annotated[
        str | dict[str, str] | None,
        Field(description="a sentence added to the prompt, or one for each language: {en: ..., zh: ...}"),
    ] = None

    @field_validator("inherit")
    @classmethod
    def _columns_of_its_own(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if core := [name for name in value if name in CORE.names]:
            raise ValueError(f"{core[0]!r} is a core column, which a new row has of its own; leave it out")
        return value

    def guided(self, language: str) -> str | None:
        """What ``guidance`` says in ``language``."""
        return self.guidance.get(language) if isinstance(self.guidance, Mapping) else self.guidance

    def columns_read(self) -> set[str]:
        return {*self.reads, *self.inherit}

    async def objection(
        self, row: Row, text: str, language: str, known: Sequence[str], models: Models, *, other_content: bool = True
    ) -> str | None:
        """Why ``text``, made from ``row``, is no new instruction in ``language``; None if it is one.

        ``known`` are instructions that it must be no near-copy of; ``other_content``: it must ask for something else
        than ``row`` does. The task is only checked where the row's is one of the task types.
        """
        if len(text) < self.min_characters:
            return TOO_SHORT
        if len(text) > self.max_characters:
            return TOO_LONG
        if not await written_in(text, language):
            return OTHER_LANGUAGE
        if near_copy(text, known, self.max_overlap):
            return NEAR_COPY
        if await self._other_task(row, text, language, models):
            return OTHER_TASK
        if other_content and self.checker is not None:
            compared = await models[self.checker].ask(COMPARE_CONTENT, row, instruction=text)
            return SAME_CONTENT if compared == "same" else None
        return None

    async def _other_task(self, row: Row, text: str, language: str, models: Models) -> bool:
        if row["task"] not in TASK_TYPES:
            return False
        new = asked(row, text, language)
        if self.classifier is not None:
            return (await models[self.classifier].classify(new)).label != row["task"]
        return self.checker is not None and await models[self.checker].ask(CLASSIFY_TASK, new) != row["task"]

    def checking_prompts(self, *, other_content: bool = True) -> tuple[Prompt[Any], ...]:
        if self.checker is None:
            return ()
        labelling = () if self.classifier is not None else (CLASSIFY_TASK,)
        return (*labelling, *((COMPARE_CONTENT,) if other_content else ()))


def asked(row: Row, text: str, language: str) -> Row:
    """``row`` as if it asked ``text`` alone, and had no answer."""
    messages = [{"role": "user", "content": text}]
    return row.having(messages=messages, language=language, reasoning=None, answer=None, reference=None)


def born(row: Row, step: str, number: int, text: str, language: str, inherit: Sequence[str] = ()) -> Row:
    """The ``number``-th row (from 0) that ``step`` made of ``row``: the instruction, the parent's source, license and
    task, and its columns ``inherit``; no answer, and none of the parent's scores. What a ``balance`` asked for of the
    parent it did not ask for of its children."""
    messages = [{"role": "user", "content": text}]
    own: dict[str, Any] = {
        "id": child_id(row.id, step, number),
        "parent": row.id,
        "messages": messages,
        "content_hash": content_hash(messages),
        "language": language,
        "extra": _extra(row["extra"]),
        **{column: 0 for column in ("to_expand", "to_localize") if row[column] is not None},
    }
    if row["to_expand"] is not None:  # after a balance: nobody asked for rows of this one
        own |= {"to_expand": 0, "to_localize": 0}
    return Row({column: row[column] for column in ("source", "task", *inherit)} | own)


def _extra(extra: str | None) -> str | None:
    """A parent's ``extra`` without what is about its own turns and answer."""
    if not extra or not any(f'"{name}"' in extra for name in _OF_TURNS):
        return extra
    left = {name: value for name, value in json.loads(extra).items() if name not in _OF_TURNS}
    return json.dumps(left, ensure_ascii=False) if left else None
