"""Models that steps, trainings and benchmarks name must exist and be of a suitable kind."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE, Benchmark
from distilray.models import ClassifierModel, ModelSettings, VLLMModel, check_model
from distilray.recipe.errors import Problem, closest
from distilray.recipe.schema import Sections
from distilray.recipe.steps import StepEntry
from distilray.recipe.trainings import TrainEntry
from distilray.steps import Step
from distilray.train import TrainingMethod


def model_problems(recipe: Sections) -> Iterator[Problem]:
    """Models that are named but not defined, of the wrong kind, or defined and used but not available."""
    trained: set[str] = set()
    for entry in recipe.flat():
        if isinstance(entry, TrainEntry):
            trained.add(entry.name)
            if entry.name in recipe.models:
                text = f"{entry.name!r} is a model too, and steps could mean either; rename the training"
                yield Problem((*entry.place, "name"), text)
        else:
            yield from _step_problems(recipe, entry, trained)
    named = {training.name: training for training in recipe.all_trainings()}
    for training in recipe.all_trainings():
        yield from _training_problems(recipe.models, training, named)
    for k, benchmark in enumerate(recipe.evaluate):
        for text in _benchmark_problems(recipe, benchmark):
            yield Problem(("evaluate", k, "models"), text)
    for name in sorted(_used(recipe)):
        try:
            check_model(recipe.models[name])
        except ValueError as error:
            yield Problem(("models", name), str(error))


def _used(recipe: Sections) -> set[str]:
    """The recipe's models that are asked or trained."""
    used = {name for benchmark in recipe.evaluate for name in {*benchmark.models, *benchmark.judges()}}
    for entry in recipe.all_steps():
        if isinstance(entry.named.step, Step):
            used |= {name for names in entry.named.step.models_used().values() for name in names}
    for training in recipe.all_trainings():
        used |= {training.settings.student, *training.method.models(training.settings)}
    return used & set(recipe.models)


def _step_problems(recipe: Sections, entry: StepEntry, trained: Collection[str]) -> Iterator[Problem]:
    """``trained``: names of the trainings before the step."""
    step = entry.named.step
    if not isinstance(step, Step):
        return
    trainings = {training.name for training in recipe.all_trainings()}
    for setting, names in step.models_used().items():
        labels = setting in step.classifier_settings()
        for name in sorted(names - set(trained)):
            problem = _role_problem(name, recipe.models, labels, trained)
            if name not in recipe.models and name in trainings:
                problem = f"the training {name!r} comes after this step; its student can be asked only after it"
            if problem is not None:
                yield Problem((*entry.place, entry.settings_key, setting), problem)


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


def _training_problems(
    models: Mapping[str, ModelSettings], training: TrainEntry, named: Mapping[str, TrainEntry]
) -> Iterator[Problem]:
    settings, method = training.settings, training.method
    for before in [named[name] for name in settings.starts if name in named]:
        if before.method.trains is not method.trains:
            text = f"a training of kind {settings.kind} does not start from one of kind {before.settings.kind}"
            yield Problem((*training.place, "start_from"), text)
    student = settings.student
    if student not in models:
        text = f"model {student!r} is not defined in `models`{closest(student, models)}"
        yield Problem((*training.place, "student"), text)
    elif not isinstance(models[student], method.trains):
        yield Problem((*training.place, "student"), _not_trainable(student, models[student], method))
    for name in sorted(method.models(settings)):
        if name not in models:
            text = f"model {name!r} is not defined in `models`{closest(name, models)}"
            yield Problem(training.place, text)
        elif not isinstance(models[name], VLLMModel):
            yield Problem(training.place, f"{name!r} has no local weights, so its probabilities cannot be read")


def _not_trainable(name: str, model: ModelSettings, method: TrainingMethod) -> str:
    """Why trainings with ``method`` do not start from ``model``."""
    if isinstance(model, ClassifierModel):
        return f"{name!r} is of kind classifier; train it with a training of `kind: classify`"
    if method.trains is ClassifierModel:
        return f"{name!r} is of kind {model.kind}; a classifier begins as a model of `kind: classifier`, with its path"
    return f"{name!r} has no local weights to train"


def _benchmark_problems(recipe: Sections, benchmark: Benchmark) -> Iterator[str]:
    for name in benchmark.models:
        if name in (STUDENT_BEFORE, STUDENT_AFTER):
            if not any(training.method.is_generative for training in recipe.all_trainings()):
                yield f"{name} needs a training in `train` whose student answers"
        elif name not in recipe.models:
            yield f"no model {name!r}{closest(name, [*recipe.models, STUDENT_BEFORE, STUDENT_AFTER])}"
        elif isinstance(recipe.models[name], ClassifierModel):
            yield f"{name!r} is a classifier and answers no questions; its training measures it on held-out rows"
    for name in sorted(benchmark.judges() - set(recipe.models)):
        yield f"the judge {name!r} is not defined in `models`{closest(name, recipe.models)}"
