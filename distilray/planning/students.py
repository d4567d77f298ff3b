"""Whether the students of a recipe's trainings can be trained under their chat templates, before a step is paid for."""

from __future__ import annotations

from distilray.checkpoints import NotACheckpoint
from distilray.models import VLLMModel
from distilray.recipe import Problem, Recipe, TrainEntry
from distilray.train import CannotTrain


def student_problems(recipe: Recipe) -> list[Problem]:
    """Students whose chat template could not be trained under, with the remedy."""
    problems = []
    for entry in recipe.all_trainings():
        try:
            _check(recipe, entry)
        except (CannotTrain, NotACheckpoint) as error:
            problems.append(Problem((*entry.place, "student"), str(error)))
    return problems


def student_notes(recipe: Recipe) -> list[str]:
    """What the trainings of a planned recipe change about their students beyond the weights, and which students could
    not be checked."""
    return list(dict.fromkeys(note for entry in recipe.all_trainings() for note in _check(recipe, entry)))


def _check(recipe: Recipe, entry: TrainEntry) -> list[str]:
    student = recipe.models[entry.settings.student]
    if not isinstance(student, VLLMModel):
        return []
    return entry.method.check_student(student.path, entry.settings, student.chat_template_kwargs)
