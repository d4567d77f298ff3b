"""Places in a recipe, from the locations in pydantic's errors.

A location also names the member of a union that a value was read as; a place does not:

    ("models", "teacher", "openai", "base_url")  ->  ("models", "teacher", "base_url")
    ("models", "openai", "openai", "base_url")   ->  ("models", "openai", "base_url")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

Place = tuple[str | int, ...]


def resolve(model: type[BaseModel], location: Sequence[str | int]) -> tuple[Place, list[str]]:
    """The place that ``location`` means in a value of ``model``, and the fields of the model that is there, if any."""
    place: list[str | int] = []
    here: Any = model
    for part in location:
        members = _members(here)
        if members:  # pydantic names the member of every union that has more than one
            here = next((member for member in members if part in _labels(member)), None)
            continue
        place.append(part)
        here = _inside(here, part)
    return tuple(place), _fields(here)


def _members(annotation: Any) -> list[Any]:
    annotation = _bare(annotation)
    if get_origin(annotation) not in (Union, UnionType):
        return []
    return [member for member in get_args(annotation) if member is not NoneType]


def _bare(annotation: Any) -> Any:
    """Without metadata and without ``| None``, neither of which pydantic names."""
    while True:
        arguments = get_args(annotation)
        if get_origin(annotation) is Annotated:
            annotation = arguments[0]
        elif get_origin(annotation) in (Union, UnionType) and len(set(arguments) - {NoneType}) == 1:
            annotation = next(argument for argument in arguments if argument is not NoneType)
        else:
            return annotation


def _labels(member: Any) -> Iterator[str | int]:
    if get_origin(member) is Annotated:
        yield from (mark.tag for mark in get_args(member)[1:] if isinstance(mark, Tag))
    member = _bare(member)
    yield getattr(member, "__name__", "")
    if isinstance(member, type) and issubclass(member, BaseModel):
        for info in member.model_fields.values():  # the value of its discriminator
            if get_origin(info.annotation) is Literal:
                yield from (str(value) for value in get_args(info.annotation))


def _inside(annotation: Any, part: str | int) -> Any:
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return next((info.annotation for name, info in _named(annotation).items() if name == part), None)
    arguments = get_args(annotation)
    return arguments[-1 if isinstance(part, str) else 0] if arguments else None


def _fields(annotation: Any) -> list[str]:
    annotation = _bare(annotation)
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return []
    return list(_named(annotation))


def _named(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the keys that a recipe writes."""
    return {str(info.validation_alias or name): info for name, info in model.model_fields.items()}
