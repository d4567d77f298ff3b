"""A pilot: a sample of rows through all steps, from which the time, tokens and cost of all rows are predicted."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass

from distilray.driver.events import Listener
from distilray.driver.runs import run
from distilray.ledger import Manifest, list_stages
from distilray.planning import count_rows, needs
from distilray.recipe import Recipe
from distilray.storage import Store


@dataclass(frozen=True)
class ModelForecast:
    model: str
    tokens_in: float
    tokens_out: float
    cost: float
    tokens_per_s: float
    """Output tokens per second during the pilot."""


@dataclass(frozen=True)
class Forecast:
    rows: int
    """Rows of all sources."""
    sample: int
    """Rows of the pilot."""
    seconds: float
    """For all steps, including one start of the engines; without trainings and evaluations."""
    gpu_hours: float
    """GPUs that the steps' engines hold, times the hours that they hold them."""
    models: tuple[ModelForecast, ...]


def pilot(recipe: Recipe, sample: int, listen: Listener) -> Forecast:
    """Runs ``sample`` rows through the steps in a temporary directory, and scales up what they took."""
    total = count_rows(recipe)
    with tempfile.TemporaryDirectory(prefix="distilray-pilot-") as scratch:
        finished = run(recipe, directory=scratch, limit=sample, listen=listen, only_steps=True)
        return forecast(finished.store, total, recipe)


def forecast(store: Store, total: int, recipe: Recipe) -> Forecast:
    """The forecast for ``total`` rows from the run of a sample in ``store``."""
    usage: dict[str, dict[str, float]] = {}
    seconds = fixed = gpu_seconds = gpu_fixed = 0.0
    sampled = 0
    for stage in list_stages(store):
        manifest = Manifest.read(store, stage.folder)
        if manifest is None:
            continue
        if manifest.kind == "sources":
            sampled += manifest.steps[0].kept
            continue
        working = float(manifest.details.get("working_seconds", manifest.seconds))
        fixed += manifest.seconds - working
        seconds += working
        gpus = needs({name: recipe.all_models()[name] for name in manifest.models})["GPU"]
        gpu_fixed += gpus * (manifest.seconds - working)
        gpu_seconds += gpus * working
        for model, spent in manifest.models.items():
            into = usage.setdefault(model, {"tokens_in": 0.0, "tokens_out": 0.0, "cost": 0.0, "seconds": 0.0})
            for name in ("tokens_in", "tokens_out", "cost"):
                into[name] += spent[name]
            into["seconds"] += working
    scale = total / max(sampled, 1)
    models = tuple(
        ModelForecast(
            model,
            spent["tokens_in"] * scale,
            spent["tokens_out"] * scale,
            spent["cost"] * scale,
            spent["tokens_out"] / max(spent["seconds"], 1e-9),
        )
        for model, spent in sorted(usage.items())
    )
    gpu_hours = (gpu_fixed + gpu_seconds * scale) / 3600
    return Forecast(total, sampled, fixed + seconds * scale, gpu_hours, models)
