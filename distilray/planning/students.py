"""What the chat templates of a recipe's models do, and whether its students can be trained under theirs, before a step
is paid for."""

from __future__ import annotations

from distilray.checkpoints import NotACheckpoint, folder_here
from distilray.models import VLLMModel
from distilray.recipe import Problem, Recipe, TrainEntry
from distilray.train import CannotTrain, Findings, template_findings


def student_problems(recipe: Recipe) -> list[Problem]:
    """Students whose chat template could not be trained under, with the remedy."""
    problems = []
    for entry in recipe.all_trainings():
        try:
            _check(recipe, entry)
        except (CannotTrain, NotACheckpoint) as error:
            problems.append(Problem((*entry.place, "student"), str(error)))
    return problems


def findings(recipe: Recipe) -> dict[str, Findings | None]:
    """What the template of each of the recipe's models with weights makes of conversations; None where its files are
    not on this machine, or it has none."""
    found = {}
    for name, model in recipe.models.items():
        if isinstance(model, VLLMModel):
            folder = folder_here(model.path)
            found[name] = template_findings(folder, model.chat_template_kwargs) if folder is not None else None
    return found


def student_notes(recipe: Recipe) -> list[str]:
    """What the trainings of a planned recipe change about their students beyond the weights, and which students could
    not be checked."""
    return list(dict.fromkeys(note for entry in recipe.all_trainings() for note in _check(recipe, entry)))


def _check(recipe: Recipe, entry: TrainEntry) -> list[str]:
    student = recipe.models[entry.settings.student]
    if not isinstance(student, VLLMModel):
        return []
    return entry.method.check_student(student.path, entry.settings, student.chat_template_kwargs)
