"""The kinds of training that there are; the one place where a ``kind`` is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.train.methods.base import TrainingMethod
from distilray.train.methods.classify.method import Classify
from distilray.train.methods.distill.method import Distill
from distilray.train.methods.dpo.method import DPO
from distilray.train.methods.sft.method import SFT
from distilray.train.methods.step_by_step.method import StepByStep
from distilray.train.settings import TrainSettings

METHODS: dict[str, TrainingMethod] = {
    "sft": SFT(),
    "dpo": DPO(),
    "distill": Distill(),
    "step_by_step": StepByStep(),
    "classify": Classify(),
}


def method_of(settings: TrainSettings) -> TrainingMethod:
    return METHODS[settings.kind]


def parse_settings(written: Mapping[str, Any]) -> TrainSettings:
    """A training as recipes write it, ``resources`` left out. Raises :class:`KeyError` for an unknown kind and
    pydantic's ``ValidationError`` for the rest."""
    values = {name: value for name, value in written.items() if name != "resources"}
    return METHODS[values.get("kind", "sft")].settings.model_validate(values)
