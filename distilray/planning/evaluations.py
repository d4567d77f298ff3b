"""Evaluations: the phases in which models answer a benchmark, and which of them share resident engines."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

from distilray.evaluate import Benchmark, BenchmarkStep, place_of
from distilray.ledger import fingerprint
from distilray.models import ModelSettings
from distilray.planning.identity import model_identity
from distilray.planning.residency import Available, fit_together, grouped
from distilray.recipe import Recipe
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
