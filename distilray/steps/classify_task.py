"""Classify task: every instruction gets one of the 33 task types of the DistilQwen2 post, or ``others`` (post A.3).

    classify_task: {model: teacher}                                                 # a language model labels
    classify_task: {classifier: tasks, at_least: 0.8, model: teacher, audit: 0.02}  # a small encoder, checked

A language model is exact and slow; an encoder that was fitted on its labels (``kind: classify``) labels millions of
rows. With both, the model labels what the classifier is not sure of, and a share of the rest, to measure agreement.
"""

from __future__ import annotations

from math import exp
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from distilray.models import ModelError
from distilray.prompts import CLASSIFY_TASK, TASK_TYPES, Prompt
from distilray.rows import Outcome, Row, kept, rejected
from distilray.steps.base import ClassifierName, ModelName, ModelRole, Models, Step
from distilray.steps.shared.draws import draw


class ClassifyTask(Step):
    """Writes ``task``, the classifier's probability of it, and who gave it: ``source``, ``classifier`` or ``model``.
    ``task_by_classifier`` and ``task_by_model`` are what each said; ``task_agreed`` is 1 or 0 for the audited rows, a
    random share of those whose label is the classifier's."""

    reads: ClassVar = ("messages",)
    writes: ClassVar = {
        "task": "string",
        "task_probability": "float",
        "task_by": "string",
        "task_by_classifier": "string",
        "task_by_model": "string",
        "task_agreed": "int",
    }

    model: Annotated[ModelName | None, ModelRole(), Field(description="language model that labels")] = None
    classifier: Annotated[
        ClassifierName | None,
        ModelRole(labels=True),
        Field(description="classifier that labels first; its labels have to be among the task types"),
    ] = None
    at_least: Annotated[
        float, Field(ge=0, le=1, description="lowest probability at which the classifier's label is taken")
    ] = 0.0
    audit: Annotated[
        float, Field(ge=0, le=1, description="share of the classifier's rows that the model labels too, for agreement")
    ] = 0.0
    keep_given: Annotated[
        bool, Field(description="rows whose source names one of the types keep it and are not asked about")
    ] = False

    @model_validator(mode="after")
    def _somebody_labels(self) -> Self:
        if self.model is None and self.classifier is None:
            raise ValueError("nobody labels: name a language model in `model`, or a classifier in `classifier`")
        if self.classifier is None and (self.at_least or self.audit):
            raise ValueError("at_least and audit are about the classifier's labels: name one, or leave them out")
        if self.audit and self.model is None:
            raise ValueError("audit needs a language model to compare with: name it in `model`")
        return self

    async def process(self, row: Row, models: Models) -> Outcome:
        if self.keep_given and row["task"] in TASK_TYPES:
            return kept(task_by="source")
        if self.classifier is None:
            return kept(task=await self._by_model(row, models), task_by="model")
        found = await models[self.classifier].classify(row)
        if found.label not in TASK_TYPES:
            raise ModelError(f"the classifier says {found.label!r}, which is no task type ({', '.join(TASK_TYPES)})")
        probability = exp(found.log_probs[found.label])
        sure: dict[str, Any] = {"task": found.label, "task_probability": probability, "task_by": "classifier"}
        sure["task_by_classifier"] = found.label
        if probability >= self.at_least:
            return kept(**sure, **await self._audited(row, found.label, models))
        if self.model is None:
            return rejected("classifier not sure", **sure)
        label = await self._by_model(row, models)
        return kept(**{**sure, "task": label, "task_by": "model", "task_by_model": label})

    async def _by_model(self, row: Row, models: Models) -> str:
        assert self.model is not None
        return await models[self.model].ask(CLASSIFY_TASK, row)

    async def _audited(self, row: Row, label: str, models: Models) -> dict[str, Any]:
        if not self.audit or draw(row, "audit") >= self.audit:
            return {}
        models_label = await self._by_model(row, models)
        return {"task_by_model": models_label, "task_agreed": int(label == models_label)}

    def prompts_used(self) -> tuple[Prompt[Any], ...]:
        return (CLASSIFY_TASK,) if self.model is not None else ()
