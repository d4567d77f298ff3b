"""What can be known of a recipe before anything starts: models that are used but not there, columns nobody writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE
from distilray.models import ClassifierModel, ModelSettings, VLLMModel, check_model
from distilray.recipe.errors import Problem, closest
from distilray.recipe.learning import learning_problems
from distilray.recipe.steps import RepeatEntry, StepEntry
from distilray.recipe.trainings import TrainEntry
from distilray.rows import CORE, schema_with
from distilray.steps import GlobalStep, Step
from distilray.train import CannotTrain, TrainingMethod, check_condition, method_of

if TYPE_CHECKING:
    from distilray.recipe.loading import Loaded

ALWAYS = {"id", "source", "content_hash", "language", "task", "messages", "history", "extra", "parent"}
"""Core columns that every row has; the others (answer, reference, reasoning, ...) depend on the source."""


def problems_with(loaded: Loaded) -> list[Problem]:
    """Models and columns; sources are looked at by :func:`column_problems`, once they can be."""
    return [*_model_problems(loaded), *column_problems(loaded, None)]


def _model_problems(loaded: Loaded) -> list[Problem]:
    models = loaded.recipe.models
    problems: list[Problem] = []
    used: set[str] = set()
    trained: set[str] = set()
    for entry in loaded.flat():
        if isinstance(entry, TrainEntry):
            trained.add(entry.name)
            if entry.name in models:
                text = f"{entry.name!r} is a model too, and steps could mean either; give the training another name"
                problems.append(Problem((*entry.place, "name"), text))
        elif isinstance(entry.named.step, Step):
            for setting, names in entry.named.step.models_used().items():
                used |= names & set(models)
                labels = setting in entry.named.step.classifier_settings()
                for name in sorted(names - trained):
                    problem = _role_problem(name, models, labels, trained)
                    if name not in models and name in {training.name for training in loaded.all_trainings()}:
                        problem = f"the training {name!r} comes after this step, and its student can be asked only then"
                    if problem is not None:
                        problems.append(Problem((*entry.place, entry.uses, setting), problem))
    named = {training.name: training.settings for training in loaded.all_trainings()}
    for training in loaded.all_trainings():
        student, kind = training.settings.student, method_of(training.settings)
        before = named.get(training.settings.start_from or "")
        if before is not None and method_of(before).trains is not kind.trains:
            text = f"a training of kind {training.settings.kind} does not start from one of kind {before.kind}"
            problems.append(Problem((*training.place, "start_from"), text))
        used.add(student)
        if student not in models:
            text = f"model {student!r} is not defined in `models`{closest(student, models)}"
            problems.append(Problem((*training.place, "student"), text))
        elif not isinstance(models[student], kind.trains):
            problems.append(Problem((*training.place, "student"), _not_trainable(student, models[student], kind)))
        for name in sorted(method_of(training.settings).models(training.settings)):
            used.add(name)
            if name not in models:
                text = f"model {name!r} is not defined in `models`{closest(name, models)}"
                problems.append(Problem(training.place, text))
            elif not isinstance(models[name], VLLMModel):
                text = f"{name!r} has no weights here whose probabilities can be read"
                problems.append(Problem(training.place, text))
    for k, benchmark in enumerate(loaded.recipe.evaluate):
        for name in benchmark.models:
            if name in (STUDENT_BEFORE, STUDENT_AFTER):
                if not any(method_of(training.settings).is_generative for training in loaded.all_trainings()):
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


def _role_problem(name: str, models: Mapping[str, ModelSettings], labels: bool, trained: Collection[str]) -> str | None:
    """Why a step cannot use the model ``name`` to give labels, or to answer; ``trained`` are earlier trainings."""
    if name not in models:
        return f"model {name!r} is not defined in `models`{closest(name, {*models, *trained})}"
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


def _not_trainable(name: str, model: ModelSettings, kind: TrainingMethod) -> str:
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
    written = [source.columns_written() for source in loaded.recipe.sources]
    written += [entry.named.step.columns_written() for entry in loaded.steps()]
    columns = schema_with({name: kind for columns in written for name, kind in columns.items()})
    problems: list[Problem] = []
    for entry in [*loaded.entries, *loaded.trainings]:
        repeat = entry if isinstance(entry, RepeatEntry) else None
        if repeat:
            problems += _target_problems(repeat, columns)
        for inner in repeat.body if repeat else [entry]:
            if isinstance(inner, TrainEntry):
                problems += _training_problems(inner, known, columns)
                problems += learning_problems(loaded, inner)
            elif isinstance(inner, StepEntry):
                problems += _step_problems(loaded, inner, known, repeat)
                known |= set(inner.named.step.columns_written())
    return problems


def _target_problems(repeat: RepeatEntry, columns: pa.Schema) -> Iterator[Problem]:
    """Columns of ``until.mean`` that there are not, or that have no mean."""
    for name in repeat.settings.until.mean:
        here = (*repeat.place, "until", "mean", name)
        if name not in columns.names:
            yield Problem(here, f"no source and no step writes the column {name!r}{closest(name, columns.names)}")
            continue
        kind = columns.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            yield Problem(here, f"the column {name!r} holds {kind}, which has no mean; name a column of numbers")


def _step_problems(loaded: Loaded, entry: StepEntry, known: set[str], repeat: RepeatEntry | None) -> Iterator[Problem]:
    """Columns that ``entry`` reads and nobody wrote before it; ``repeat`` is the one that it stands in."""
    step, here = entry.named.step, (*entry.place, entry.uses)
    missing = step.columns_read() - known
    if isinstance(step, GlobalStep):
        steps = [inner for inner in repeat.body if isinstance(inner, StepEntry)] if repeat else []
        coming = {column for inner in steps for column in inner.named.step.columns_written()}
        missing |= step.columns_awaited() - known - coming
        for setting, numbers in step.per_round().items():
            if repeat is None:
                text = "has a number for each round, but the step stands in no repeat; give one number"
                yield Problem((*here, setting), text)
            elif len(numbers) > repeat.settings.rounds:
                text = f"has {len(numbers)} numbers for {repeat.settings.rounds} rounds; the rest would not be used"
                yield Problem((*here, setting), text)
    for column in sorted(missing):
        writers = _writers(loaded, column)
        hint = f"; {writers} writes it, so put that step before" if writers else closest(column, known)
        text = f"step {entry.name!r} reads the column {column!r}, which no source and no earlier step writes{hint}"
        yield Problem(here, text)


def _training_problems(entry: TrainEntry, known: set[str], columns: pa.Schema) -> Iterator[Problem]:
    demonstrations = getattr(entry.settings, "learn", None) is not None  # which bring their own
    for column in () if demonstrations else method_of(entry.settings).needed(entry.settings):
        if column not in known:
            step = _MAKERS.get(column) or f"a step that does{closest(column, known)}"
            text = f"trains on the column {column!r}, which no source and no step writes; add {step}"
            yield Problem(entry.place, text)
    try:
        check_condition(entry.settings.rows, columns)
    except CannotTrain as error:
        yield Problem((*entry.place, "rows"), str(error))


_MAKERS = {
    "answer": "an `answer` step",
    "reasoning": "a `separate_trace` step, or a teacher that reasons before it answers",
    "rejected_answer": "a `cognitive_pairs` step, or a source of preferences",
}


def _writers(loaded: Loaded, column: str) -> str:
    from distilray.steps import STEPS

    names = [entry.name for entry in loaded.steps() if column in entry.named.step.columns_written()]
    names += [name for name, cls in STEPS.items() if column in cls.writes and name not in names]
    return " or ".join(repr(name) for name in names)
