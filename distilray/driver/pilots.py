"""A pilot: a sample of rows through all steps, from which the time, tokens and cost of all rows are predicted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

from distilray.driver.events import Listener
from distilray.driver.runs import run
from distilray.ledger import Manifest, list_stages
from distilray.models import ModelSettings
from distilray.planning import count_rows, for_sample, needs
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
    """Runs ``sample`` rows through the steps in a temporary directory, and scales up what they took. Sets that are to
    have a number of rows get as much fewer."""
    total = count_rows(recipe)
    with tempfile.TemporaryDirectory(prefix="distilray-pilot-") as scratch:
        smaller = for_sample(recipe, sample / max(total, 1))
        finished = run(smaller, directory=scratch, limit=sample, listen=listen, only_steps=True)
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
        asked = {name: _as_it_ran(name, recipe.all_models()[name], manifest.engines) for name in manifest.models}
        gpus = needs(asked)["GPU"]
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


def _as_it_ran(name: str, model: ModelSettings, engines: Iterable[str]) -> ModelSettings:
    """``model`` with the number of its engines among those that replied, where its ``replicas`` are auto."""
    if model.replicas != "auto":
        return model
    replied = sum(engine.startswith(f"{name}/") for engine in engines)
    return model.model_copy(update={"replicas": max(1, replied)})
