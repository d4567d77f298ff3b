"""How long a run may take before it counts as hung, from what its plan knows of its time.

A deadline that is too short kills a healthy run, which is not retried; one that is too long leaves nodes idle at most,
which the autoscaler gives back. So what is expected is doubled.
"""

from __future__ import annotations

import math

from distilray.kuberay.manifests.sizing import Sized
from distilray.planning import benchmark_needs, training_needs
from distilray.recipe import Recipe

HOUR = 3600
SLACK = 2
SLOW_TOKENS_S = 500
"""Tokens a second of one engine that is slow: a large model on few requests."""
START_S = 3600
"""For a cluster to come up: machines are started, and images of tens of gigabytes pulled."""


def deadline_s(recipe: Recipe, sized: Sized, hours: float) -> int:
    """Seconds, in whole hours, after which a run of the recipe has failed. ``hours``: those of its steps and
    trainings; the plan adds the starts of engines, the files of trainings, and the replies to benchmarks."""
    phases = sized.plan.phases()
    starts = sum(max((model.start_timeout_s for model in phase.models.values()), default=0) for phase in phases)
    files = [need.files for need in training_needs(recipe, sized.available) if need.files]
    moved = sum(file.read_s + file.checkpoint_s + file.export_s for file in files)
    replies = sum(need.tokens_out for need in benchmark_needs(recipe)) / SLOW_TOKENS_S
    return HOUR * math.ceil((START_S + starts + SLACK * (hours * HOUR + moved + replies)) / HOUR)
