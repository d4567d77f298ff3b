"""The training methods by the ``kind`` that recipes use, and those supplied by users (``uses: package.module:Class``).

A method is looked up here, once, when a recipe is read; from then on it travels with its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.imports import import_object
from distilray.train.methods.base import TrainingMethod
from distilray.train.methods.classify.method import Classify
from distilray.train.methods.distill.method import Distill
from distilray.train.methods.dpo.method import DPO
from distilray.train.methods.kto.method import KTO
from distilray.train.methods.sft.method import SFT
from distilray.train.methods.simpo.method import SimPO
from distilray.train.methods.step_by_step.method import StepByStep
from distilray.train.settings import TrainSettings

METHODS: dict[str, TrainingMethod] = {
    "sft": SFT(),
    "dpo": DPO(),
    "simpo": SimPO(),
    "kto": KTO(),
    "distill": Distill(),
    "step_by_step": StepByStep(),
    "classify": Classify(),
}
DEFAULT_KIND = "sft"


def method_named(kind: str) -> TrainingMethod:
    """The method that recipes call ``kind``. Raises :class:`KeyError` for an unknown one."""
    return METHODS[kind]


def brought_method(uses: str) -> TrainingMethod:
    """The user's method at ``package.module:Class``. Raises :class:`ImportError` if there is no such name,
    :class:`TypeError` if it is not a method."""
    found = import_object(uses)
    if not (isinstance(found, type) and issubclass(found, TrainingMethod)):
        raise TypeError(f"{uses} is {found!r}, not a subclass of distilray.train.TrainingMethod")
    return found()


def method_of(written: Mapping[str, Any]) -> TrainingMethod:
    """The method of a training as recipes write it, by its ``uses`` or its ``kind``; raises as those two do."""
    uses = written.get("uses")
    return method_named(written.get("kind", DEFAULT_KIND)) if uses is None else brought_method(uses)


def settings_as_written(method: TrainingMethod, written: Mapping[str, Any]) -> dict[str, Any]:
    """What the settings of ``method`` are parsed from: a training as recipes write it, without its ``resources``. The
    kind of a user's method is that of its settings, or else the class's name."""
    values = {name: value for name, value in written.items() if name != "resources"}
    if values.get("uses") is not None:
        if "kind" in values:
            raise ValueError("set either kind or uses: both name the training method")
        if method.settings.model_fields["kind"].is_required():
            values["kind"] = type(method).__name__
    return values


def parse_training(written: Mapping[str, Any]) -> tuple[TrainingMethod, TrainSettings]:
    """A training as recipes write it, ``resources`` left out. Raises as :func:`method_of` does, and pydantic's
    ``ValidationError`` for the settings."""
    method = method_of(written)
    return method, method.settings.model_validate(settings_as_written(method, written))


def parse_settings(written: Mapping[str, Any]) -> TrainSettings:
    """The settings of a training, as :func:`parse_training` reads it."""
    return parse_training(written)[1]
