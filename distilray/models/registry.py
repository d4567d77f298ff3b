"""Kinds of models by the name that recipes use, and those supplied by users (``uses: package.module:Class``)."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, PlainSerializer, PlainValidator, Tag, TypeAdapter

from distilray.imports import import_object
from distilray.models.engines.base import Engine
from distilray.models.engines.echo import EchoModel
from distilray.models.settings.base import ModelSettings
from distilray.models.settings.classifier import ClassifierModel
from distilray.models.settings.openai import OpenAIModel
from distilray.models.settings.vllm import VLLMModel

MODEL_KINDS: dict[str, type[ModelSettings]] = {
    "vllm": VLLMModel,
    "openai": OpenAIModel,
    "classifier": ClassifierModel,
    "echo": EchoModel,
}
DEFAULT = "vllm"
BROUGHT = "uses"
"""The key of a recipe that names a class of the user's own."""


def engine_class(settings: ModelSettings) -> type[Engine]:
    """The engine that the kind of ``settings`` names, imported."""
    named = type(settings).engine_class
    found = import_object(named) if isinstance(named, str) else named
    if not (isinstance(found, type) and issubclass(found, Engine)):
        raise TypeError(f"engine_class of {type(settings).__name__} is {found!r}, not a subclass of Engine")
    return found


def model_class(uses: str) -> type[ModelSettings]:
    """The kind that a user supplies. Raises ``ValueError`` if it is not one."""
    try:
        found = import_object(uses)
    except ImportError as error:
        raise ValueError(
            f"uses {uses!r}: {error}; give package.module:Class, importable where the run starts"
        ) from error
    if not (isinstance(found, type) and issubclass(found, ModelSettings)):
        raise ValueError(f"uses {uses!r}: {found!r} is not a subclass of distilray.models.ModelSettings")
    return found


def _brought(value: Any) -> ModelSettings:
    """``uses`` is kept in ``kind``, so that the model is written as it was named; one built in Python has its class's
    import path there."""
    if isinstance(value, ModelSettings):
        return value if value.kind else value.model_copy(update={"kind": _place(value)})
    settings = dict(value)
    uses = settings.pop(BROUGHT)
    if "kind" in settings:
        raise ValueError(f"kind {settings['kind']!r} and uses {uses!r}: give one of them")
    if not isinstance(uses, str):
        raise ValueError(f"uses is {uses!r}; give package.module:Class")
    return model_class(uses).model_validate({**settings, "kind": uses})


def _written(model: ModelSettings) -> dict[str, Any]:
    settings = model.model_dump(mode="json")
    return {BROUGHT: settings.pop("kind") or _place(model), **settings}


def _place(model: ModelSettings) -> str:
    cls = type(model)
    return f"{cls.__module__}:{cls.__qualname__}"


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return BROUGHT if BROUGHT in value else value.get("kind") or DEFAULT
    kind = getattr(value, "kind", DEFAULT)
    return kind if kind in MODEL_KINDS and isinstance(value, MODEL_KINDS[kind]) else BROUGHT


if TYPE_CHECKING:
    AnyModel = ModelSettings
else:
    _KNOWN = [Annotated[cls, Tag(kind)] for kind, cls in MODEL_KINDS.items()]
    _OWN = Annotated[ModelSettings, PlainValidator(_brought), PlainSerializer(_written), Tag(BROUGHT)]
    AnyModel = Annotated[reduce(or_, [*_KNOWN, _OWN]), Discriminator(_kind)]
"""As a recipe gives a model: any kind, by ``kind`` (default: vllm) or ``uses``."""

_any_model = TypeAdapter(AnyModel)


def parse_model(document: Any) -> ModelSettings:
    """A model as it stands in a recipe. Raises pydantic's ``ValidationError``."""
    return _any_model.validate_python(document)
