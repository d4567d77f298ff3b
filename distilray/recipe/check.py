"""What can be known of a recipe before anything starts: models that are used but not there, columns nobody writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE
from distilray.models import ClassifierModel, ModelSettings, VLLMModel, check_model
from distilray.recipe.errors import Problem, closest
from distilray.rows import CORE, schema_with
from distilray.steps import Step
from distilray.train import CannotTrain, Kind, check_condition, kind_of

if TYPE_CHECKING:
    from distilray.recipe.load import Loaded

ALWAYS = {"id", "source", "content_hash", "language", "task", "messages", "history", "extra", "parent"}
"""Core columns that every row has; the others (answer, reference, reasoning, ...) depend on the source."""


def problems_with(loaded: Loaded) -> list[Problem]:
    """Models and columns; sources are looked at by :func:`column_problems`, once they can be."""
    return [*_model_problems(loaded), *column_problems(loaded, None)]


def _model_problems(loaded: Loaded) -> list[Problem]:
    models = loaded.recipe.models
    problems: list[Problem] = []
    used: set[str] = set()
    for entry in loaded.steps():
        if isinstance(entry.named.step, Step):
            for setting, names in entry.named.step.models_used().items():
                used |= names
                labels = setting in entry.named.step.classifier_settings()
                for name in sorted(names):
                    problem = _role_problem(name, models, labels)
                    if problem is not None:
                        problems.append(Problem((*entry.place, entry.uses, setting), problem))
    for k, training in enumerate(loaded.trainings):
        student, kind = training.settings.student, kind_of(training.settings)
        used.add(student)
        if student not in models:
            text = f"model {student!r} is not defined in `models`{closest(student, models)}"
            problems.append(Problem(("train", k, "student"), text))
        elif not isinstance(models[student], kind.trains):
            problems.append(Problem(("train", k, "student"), _not_trained(student, models[student], kind)))
        for name in sorted(kind_of(training.settings).models(training.settings)):
            used.add(name)
            if name not in models:
                text = f"model {name!r} is not defined in `models`{closest(name, models)}"
                problems.append(Problem(("train", k), text))
            elif not isinstance(models[name], VLLMModel):
                problems.append(Problem(("train", k), f"{name!r} has no weights here whose probabilities can be read"))
    for k, benchmark in enumerate(loaded.recipe.evaluate):
        for name in benchmark.models:
            if name in (STUDENT_BEFORE, STUDENT_AFTER):
                if not any(kind_of(training.settings).speaks for training in loaded.trainings):
                    text = f"{name} needs a training in `train` whose student answers"
                    problems.append(Problem(("evaluate", k, "models"), text))
            elif name not in models:
                known = [*models, STUDENT_BEFORE, STUDENT_AFTER]
                problems.append(Problem(("evaluate", k, "models"), f"no model {name!r}{closest(name, known)}"))
            elif isinstance(models[name], ClassifierModel):
                text = f"{name!r} is a classifier and answers no questions; its training measures it on held-out rows"
                problems.append(Problem(("evaluate", k, "models"), text))
            else:
                used.add(name)
    for name in sorted(used & set(models)):
        try:
            check_model(models[name])
        except ValueError as error:
            problems.append(Problem(("models", name), str(error)))
    return problems


def _role_problem(name: str, models: Mapping[str, ModelSettings], labels: bool) -> str | None:
    """Why a step cannot use the model ``name`` to give labels, or to answer."""
    if name not in models:
        return f"model {name!r} is not defined in `models`{closest(name, models)}"
    model = models[name]
    if not labels:
        classifier = isinstance(model, ClassifierModel)
        return f"{name!r} is a classifier; this asks for a model that answers" if classifier else None
    if not isinstance(model, ClassifierModel):
        return f"{name!r} is of kind {model.kind}; this asks for one of kind classifier (a model that answers: `label`)"
    try:
        model.check_labels()
    except ValueError as error:
        return str(error)
    return None


def _not_trained(name: str, model: ModelSettings, kind: Kind) -> str:
    """Why trainings of ``kind`` do not start from ``model``."""
    if isinstance(model, ClassifierModel):
        return f"{name!r} is of kind classifier; train it with a training of `kind: classify`"
    if kind.trains is ClassifierModel:
        return f"{name!r} is of kind {model.kind}; a classifier begins as a model of `kind: classifier`, with its path"
    return f"{name!r} has no weights here to train"


def column_problems(loaded: Loaded, filled: set[str] | None) -> list[Problem]:
    """Steps that read a column that no source and no earlier step writes.

    ``filled``: core columns that some row of the sources has; ``None`` where no source was looked at yet (then any core
    column may come from a source).
    """
    known = set(CORE.names) if filled is None else ALWAYS | filled
    for source in loaded.recipe.sources:
        known |= set(source.columns_written())
    problems: list[Problem] = []
    for entry in loaded.steps():
        step = entry.named.step
        for column in sorted(step.columns_read() - known):
            writers = _writers(loaded, column)
            hint = f"; {writers} writes it, so put that step before" if writers else closest(column, known)
            text = f"step {entry.name!r} reads the column {column!r}, which no source and no earlier step writes{hint}"
            problems.append(Problem((*entry.place, entry.uses), text))
        known |= set(step.columns_written())
    written = [source.columns_written() for source in loaded.recipe.sources]
    written += [entry.named.step.columns_written() for entry in loaded.steps()]
    columns = schema_with({name: kind for columns in written for name, kind in columns.items()})
    for entry in loaded.trainings:
        for column in kind_of(entry.settings).needed(entry.settings):
            if column not in known:
                step = _MAKERS.get(column) or f"a step that does{closest(column, known)}"
                text = f"trains on the column {column!r}, which no source and no step writes; add {step}"
                problems.append(Problem(entry.place, text))
        try:
            check_condition(entry.settings.rows, columns)
        except CannotTrain as error:
            problems.append(Problem((*entry.place, "rows"), str(error)))
    return problems


_MAKERS = {"answer": "an `answer` step", "rejected_answer": "a `cognitive_pairs` step, or a source of preferences"}


def _writers(loaded: Loaded, column: str) -> str:
    from distilray.steps import STEPS

    names = [entry.name for entry in loaded.steps() if column in entry.named.step.columns_written()]
    names += [name for name, cls in STEPS.items() if column in cls.writes and name not in names]
    return " or ".join(repr(name) for name in names)
