"""Evaluations: the phases in which models answer a benchmark, which of them share resident engines, and what cannot
fit."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

from distilray.errors import counted
from distilray.evaluate import STUDENT_AFTER, STUDENT_BEFORE, Benchmark, BenchmarkStep, place_of
from distilray.ledger import fingerprint
from distilray.models import ModelSettings
from distilray.planning.identity import model_identity
from distilray.planning.residency import Available, described, fit_together, grouped, needs
from distilray.planning.room import have_room, with_room
from distilray.recipe import Problem, Recipe
from distilray.runner import NamedStep, Phase, Resources
from distilray.steps import Step


def evaluation_phase(
    recipe: Recipe,
    model: str,
    settings: ModelSettings,
    benchmark: Benchmark,
    step: Step,
    directory: str,
    questions: str,
) -> Phase:
    """The phase in which ``model`` answers ``benchmark``, whose questions have the fingerprint ``questions``, in
    ``step``; the models that judge the answers are resident too."""
    named = NamedStep("benchmark", step)
    judges = {name: recipe.models[name] for name in sorted(benchmark.judges())}
    identity = [questions, recipe.seed, step.model_dump(mode="json"), model_identity(settings)]
    if not isinstance(step, BenchmarkStep):  # further inputs of a step that a benchmark brings
        prompts = {prompt.name: prompt.hash for prompt in step.prompts_used()}
        identity += [place_of(benchmark), fingerprint(inspect.getsource(type(step))), prompts]
    if judges:
        identity.append({name: model_identity(judge) for name, judge in judges.items()})
    return Phase(
        directory=directory,
        steps=(named,),
        models={model: settings, **judges},
        columns=step.columns_written(),
        fingerprint=fingerprint(identity),
    )


def side_by_side(phases: Sequence[Phase], resources: Resources, available: Available) -> Iterator[list[Phase]]:
    """``phases`` in order, in groups whose engines fit at the same time and so start together."""

    def fits(group: Sequence[Phase]) -> bool:
        models = {name: model for phase in group for name, model in phase.models.items()}
        return fit_together(models, resources, available)

    return grouped(phases, fits)


def evaluated(recipe: Recipe) -> Iterator[tuple[int, str, dict[str, ModelSettings]]]:
    """The number of each benchmark with each model that answers it, and those that are resident then: it and those that
    judge."""
    trained = [entry.settings.student for entry in recipe.all_trainings() if entry.method.is_generative]
    models = recipe.all_models()
    for number, benchmark in enumerate(recipe.evaluate):
        judges = {name: recipe.models[name] for name in sorted(benchmark.judges())}
        for name in benchmark.models:
            asked = trained[-1] if name in (STUDENT_BEFORE, STUDENT_AFTER) and trained else name
            if asked in models:
                yield number, name, {name: benchmark.asked_of(models[asked]), **judges}


def evaluation_problems(recipe: Recipe, available: Available) -> list[Problem]:
    """Benchmarks whose models do not fit together even with one engine each."""
    problems = []
    for number, name, models in evaluated(recipe):
        fewest = with_room(models, recipe.resources, available)
        if not have_room(fewest, recipe.resources, available):
            need = needs(fewest)
            text = (
                f"{', '.join(fewest)} cannot fit together: an engine of each needs {counted(need['CPU'], 'CPU')} and "
                f"{counted(need['GPU'], 'GPU')}, row runners not counted, but {described(available)}; give a smaller "
                "judge, an endpoint, or more machines"
            )
            problems.append(
                Problem(("evaluate", number, "models"), f"{recipe.evaluate[number].name} of {name}: {text}")
            )
    return problems
