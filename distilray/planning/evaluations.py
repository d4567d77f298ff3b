"""Evaluations: the phases in which models answer a benchmark, and which of them share their engines' residency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from distilray.ledger import fingerprint
from distilray.models import ModelSettings
from distilray.planning.identity import model_identity
from distilray.planning.plans import Available, fit_together
from distilray.recipe import Loaded
from distilray.runner import NamedStep, Phase, Resources
from distilray.steps import Step


def evaluation_phase(
    loaded: Loaded, model: str, settings: ModelSettings, step: Step, directory: str, questions: str
) -> Phase:
    """The phase in which ``model`` answers a benchmark whose questions have the fingerprint ``questions``."""
    named = NamedStep("benchmark", step)
    identity = [questions, loaded.recipe.seed, step.model_dump(mode="json"), model_identity(settings)]
    return Phase(
        directory=directory,
        steps=(named,),
        models={model: settings},
        columns=step.columns_written(),
        fingerprint=fingerprint(identity),
    )


def side_by_side(phases: Sequence[Phase], resources: Resources, available: Available) -> Iterator[list[Phase]]:
    """``phases`` in groups, in order, whose engines fit beside each other: they start at once instead of in turn."""
    group: list[Phase] = []
    for phase in phases:
        models = {name: model for member in [*group, phase] for name, model in member.models.items()}
        if group and not fit_together(models, resources, available):
            yield group
            group = []
        group.append(phase)
    if group:
        yield group
