"""What is wrong with a recipe: each problem with its place, what was found there, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from distilray.errors import InputError

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    place: Place
    text: str


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
    """``"; did you mean 'x'?"`` where a word is near, else the words there are."""
    known = sorted(words)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are {', '.join(known)}" if known else ""


def problems_of(error: ValidationError, place: Place, model: type[BaseModel] | None = None) -> list[Problem]:
    """Pydantic's findings in a user's words, below ``place``."""
    problems = []
    for found in error.errors(include_url=False):
        where = tuple(part for part in found["loc"] if not _is_tag(part))
        value, context = found.get("input"), found.get("ctx", {})
        match found["type"]:
            case "extra_forbidden":
                fields = _fields_at(model, where[:-1])
                text = f"unknown key {where[-1]!r}{closest(str(where[-1]), fields)}"
                where = where[:-1]
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


def _is_tag(part: Any) -> bool:
    """Names of union members that pydantic puts into a location."""
    return part in ("vllm", "openai", "classifier", "echo", "sft", "dpo", "distill", "str", "ModelChoice") or (
        isinstance(part, str) and part.startswith(("tagged-union", "function-", "constrained-", "literal["))
    )


def _fields_at(model: type[BaseModel] | None, place: Place) -> list[str]:
    for part in place:
        if model is None or part not in model.model_fields:
            return []
        annotation = model.model_fields[str(part)].annotation
        model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    return [info.alias or name for name, info in model.model_fields.items()] if model else []


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
