"""What is wrong with a recipe: each problem with its place, the value found there, and the remedy.

recipe.yaml:8: steps[0].answer: unknown key 'modle'; did you mean 'model'?
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from distilray.errors import InputError
from distilray.recipe.locations import Place, resolve

PROBLEM = "recipe_problem"


@dataclass(frozen=True)
class Problem:
    place: Place
    text: str

    def below(self, place: Place) -> Problem:
        return Problem((*place, *self.place), self.text)


class RecipeError(InputError):
    """A recipe that cannot run; the text fits one screen."""

    def __init__(self, origin: str, problems: Sequence[Problem], lines: Mapping[Place, int] | None = None) -> None:
        self.origin, self.problems = origin, list(problems)
        shown = [self._line(problem, lines or {}) for problem in self.problems[:12]]
        if len(self.problems) > len(shown):
            shown.append(f"... and {len(self.problems) - len(shown)} more")
        super().__init__("\n".join(shown))

    def _line(self, problem: Problem, lines: Mapping[Place, int]) -> str:
        place = problem.place
        while place and place not in lines:
            place = place[:-1]
        where = f"{self.origin}:{lines[place]}" if place in lines else self.origin
        return f"{where}: {dotted(problem.place)}: {problem.text}" if problem.place else f"{where}: {problem.text}"


def dotted(place: Place) -> str:
    """``("steps", 1, "judge", "model")`` as ``steps[1].judge.model``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def closest(word: str, words: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` if a known word is similar, otherwise the list of known words."""
    known = sorted(words)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are {', '.join(known)}" if known else ""


def refusal(problems: Iterable[Problem]) -> ValidationError:
    """``problems`` for a validator to raise: pydantic then adds the place of the field in front of each place."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError(PROBLEM, "{text}", {"text": problem.text}), loc=problem.place, input=None
        )
        for problem in problems
    ]
    return ValidationError.from_exception_data("recipe", details)


def problems_of(error: ValidationError, place: Place, model: type[BaseModel]) -> list[Problem]:
    """Pydantic's findings about a ``model`` at ``place``, in the terms of a recipe."""
    problems = []
    for found in error.errors(include_url=False):
        value, context = found.get("input"), found.get("ctx", {})
        if found["type"] == PROBLEM:
            problems.append(Problem((*place, *found["loc"]), context["text"]))
            continue
        where, _ = resolve(model, found["loc"])
        match found["type"]:
            case "extra_forbidden":
                where, fields = resolve(model, found["loc"][:-1])
                name = str(found["loc"][-1])
                text = f"unknown key {name!r}{closest(name, fields)}"
            case "missing":
                text = f"{where[-1]!r} is missing; it has no default"
                where = where[:-1]
            case "union_tag_invalid":
                text = f"{context['tag']!r} is not one of {context['expected_tags']}"
            case "value_error":
                text = str(context["error"])
            case _:
                text = f"{found['msg'].removeprefix('Input ')}, not {_shown(value)}"
        problems.append(Problem((*place, *where), text))
    return problems


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
