"""A recipe, parsed from YAML or built in Python, whose parts are known to fit together.

recipe = Recipe(models={"teacher": VLLMModel(path="Qwen/Qwen2.5-7B-Instruct")},
                sources=[Source(name="rows", path="rows.jsonl")],
                steps=[Answer(model="teacher"), Check()])
print(recipe.to_yaml())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic import PrivateAttr, ValidationError, model_validator

from distilray.recipe.errors import Problem, RecipeError, problems_of, refusal
from distilray.recipe.locations import Place
from distilray.recipe.schema import Sections
from distilray.recipe.validation.columns import column_problems
from distilray.recipe.validation.models import model_problems
from distilray.recipe.validation.rounds import round_problems
from distilray.recipe.validation.sets import set_problems

IN_PYTHON = "recipe"


@dataclass(frozen=True)
class Written:
    """Where a recipe was written. Any two are equal, since the origin is not part of a recipe's content."""

    origin: str = field(default=IN_PYTHON, compare=False)
    lines: Mapping[Place, int] = field(default_factory=dict, compare=False)


class Recipe(Sections):
    """A recipe whose parts fit together. Steps and trainings are given as objects or as YAML writes them.

    Raises :class:`RecipeError` with every problem found, each with its place, the value and the remedy.
    """

    _written: Written = PrivateAttr(default_factory=Written)

    def __init__(self, **sections: Any) -> None:
        try:
            super().__init__(**sections)
        except ValidationError as error:
            raise RecipeError(IN_PYTHON, problems_of(error, (), Sections)) from error

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        problems = [*round_problems(self), *model_problems(self), *column_problems(self, None), *set_problems(self)]
        if problems:
            raise refusal(problems)
        return self

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], origin: str, lines: Mapping[Place, int] | None = None
    ) -> Recipe:
        """The recipe in ``document``, written at ``origin`` with its keys on ``lines``."""
        if strange := [key for key in document if not isinstance(key, str)]:
            raise RecipeError(origin, [Problem((), f"the sections of a recipe have names; {strange[0]!r} is not one")])
        try:
            recipe = cls(**document)
        except RecipeError as error:
            raise RecipeError(origin, error.problems, lines) from error.__cause__
        recipe._written = Written(origin, dict(lines or {}))
        return recipe

    @property
    def origin(self) -> str:
        """The file that it was read from; ``recipe`` for one that was built in Python."""
        return self._written.origin

    def error(self, problems: Sequence[Problem]) -> RecipeError:
        """An error about this recipe, with file and lines where it was read from a file."""
        return RecipeError(self.origin, problems, self._written.lines)

    def changed(self, **sections: Any) -> Recipe:
        """This recipe with other ``sections``, checked again."""
        return Recipe(**{**dict(self), **sections})

    def document(self) -> dict[str, Any]:
        """The recipe as YAML's mappings and lists, with every default filled in."""
        return self.model_dump(mode="json", by_alias=True)

    def to_yaml(self) -> str:
        """The recipe as YAML with every default filled in: reading it gives an equal recipe."""
        return yaml.safe_dump(self.document(), sort_keys=False, allow_unicode=True, width=110)
