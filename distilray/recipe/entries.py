"""The entries of a recipe's section ``steps``, parsed one by one, then named and placed together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from distilray.recipe.errors import Problem, problems_of, refusal
from distilray.recipe.locations import Place
from distilray.recipe.repeats import BodyEntry, Repeat, RepeatEntry, body_document, parse_body_entry, parse_repeat
from distilray.recipe.steps import StepEntry, mapping
from distilray.recipe.trainings import TrainEntry, training_problems
from distilray.runner import NamedStep

Entry = StepEntry | RepeatEntry | TrainEntry


def parse_entry(item: Any) -> Entry:
    """One entry in any form: YAML's, an object, or parsed already. Raises pydantic's ``ValidationError``."""
    match item:
        case Repeat() | RepeatEntry():
            return parse_repeat(item)
        case {"repeat": written} if len(item) == 1:
            try:
                return parse_repeat(mapping("repeat", written))
            except ValidationError as error:
                raise refusal(problems_of(error, ("repeat",), Repeat)) from error
        case _:
            return parse_body_entry(item)


def entry_document(entry: Entry) -> dict[str, Any]:
    """``entry`` as a recipe writes it among its steps."""
    return entry.document() if isinstance(entry, RepeatEntry) else body_document(entry)


@dataclass
class _Taken:
    """Names of earlier steps, and the earlier trainings."""

    steps: Counter[str] = field(default_factory=Counter)
    trainings: list[TrainEntry] = field(default_factory=list)

    def numbered(self, name: str) -> str:
        """``answer`` for the first of that name, ``answer-2`` for the second."""
        self.steps[name] += 1
        return name if self.steps[name] == 1 else f"{name}-{self.steps[name]}"


def arrange(entries: Iterable[Entry]) -> tuple[tuple[Entry, ...], list[Problem]]:
    """``entries`` with unique names and their places in the recipe, and what is wrong with the names of trainings."""
    taken, arranged, problems = _Taken(), list[Entry](), list[Problem]()
    for k, entry in enumerate(entries):
        if isinstance(entry, RepeatEntry):
            here: Place = ("steps", k, "repeat")
            named = {"name": taken.numbered(entry.name)}
            body = [
                _arranged(inner, (*here, "steps", j), taken, problems, repeated=True)
                for j, inner in enumerate(entry.body)
            ]
            settings = entry.settings.model_copy(update={**named, "steps": tuple(body)})
            arranged.append(RepeatEntry(settings, here))
        else:
            arranged.append(_arranged(entry, ("steps", k), taken, problems))
    return tuple(arranged), problems


def _arranged(
    entry: BodyEntry, here: Place, taken: _Taken, problems: list[Problem], *, repeated: bool = False
) -> BodyEntry:
    if isinstance(entry, StepEntry):
        named = NamedStep(taken.numbered(entry.name), entry.named.step)
        return replace(entry, named=named, place=here)
    placed = replace(entry, place=(*here, "train"))
    problems += training_problems(placed, taken.trainings, repeated=repeated)
    taken.trainings.append(placed)
    return placed


def arrange_trainings(
    entries: Sequence[TrainEntry], earlier: Iterable[TrainEntry]
) -> tuple[tuple[TrainEntry, ...], list[Problem]]:
    """The section ``train``, as :func:`arrange`; ``earlier`` are the trainings among the steps."""
    before, arranged, problems = list(earlier), list[TrainEntry](), list[Problem]()
    for k, entry in enumerate(entries):
        placed = replace(entry, place=("train", k))
        problems += training_problems(placed, before)
        before.append(placed)
        arranged.append(placed)
    return tuple(arranged), problems
