"""The kinds of training that there are; the one place where a ``kind`` is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.train.classify import Classification
from distilray.train.distill import Distill
from distilray.train.dpo import DPO
from distilray.train.kind import Kind
from distilray.train.settings import TrainSettings
from distilray.train.sft import SFT
from distilray.train.step_by_step import StepByStep

KINDS: dict[str, Kind] = {
    "sft": SFT(),
    "dpo": DPO(),
    "distill": Distill(),
    "step_by_step": StepByStep(),
    "classify": Classification(),
}


def kind_of(settings: TrainSettings) -> Kind:
    return KINDS[settings.kind]


def parse_settings(written: Mapping[str, Any]) -> TrainSettings:
    """A training as recipes write it, ``resources`` left out. Raises :class:`KeyError` for an unknown kind and
    pydantic's ``ValidationError`` for the rest."""
    values = {name: value for name, value in written.items() if name != "resources"}
    return KINDS[values.get("kind", "sft")].settings.model_validate(values)
