"""A pilot: a sample of rows through all steps, and from it the time, tokens and money that the whole would take."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from distilray.driver.events import Listener
from distilray.driver.runs import run
from distilray.ledger import Manifest, list_stages
from distilray.planning import needs
from distilray.recipe import Loaded
from distilray.sources import list_files, read_records
from distilray.storage import Store


@dataclass(frozen=True)
class ModelForecast:
    model: str
    tokens_in: float
    tokens_out: float
    cost: float
    tokens_per_s: float
    """Output tokens per second while the pilot asked it."""


@dataclass(frozen=True)
class Forecast:
    rows: int
    """Rows of all sources."""
    sample: int
    """Rows of the pilot."""
    seconds: float
    """For all steps, start of the engines included once; trainings and evaluations not."""
    gpu_hours: float
    """GPUs that the steps' engines hold, over the hours that they hold them."""
    models: tuple[ModelForecast, ...]


def pilot(place: str, overrides: Sequence[str], loaded: Loaded, sample: int, listen: Listener) -> Forecast:
    """Runs ``sample`` rows through the steps in a directory that is thrown away, and scales up what they took."""
    total = count_rows(loaded)
    with tempfile.TemporaryDirectory(prefix="distilray-pilot-") as scratch:
        finished = run(place, overrides, directory=scratch, limit=sample, listen=listen, only_steps=True)
        return forecast(finished.store, total, loaded)


def count_rows(loaded: Loaded) -> int:
    """Records of all sources, each source's own limit kept; files are read through, nothing is parsed twice."""
    total = 0
    for source in loaded.recipe.sources:
        records = sum(sum(1 for _ in read_records(source, file)) for file in list_files(source))
        total += min(records, source.limit) if source.limit else records
    return total


def forecast(store: Store, total: int, loaded: Loaded) -> Forecast:
    """What the run in ``store``, of some rows, says of ``total`` rows."""
    usage: dict[str, dict[str, float]] = {}
    seconds = fixed = gpu_seconds = gpu_fixed = 0.0
    sampled = 0
    for stage in list_stages(store):
        manifest = Manifest.read(store, stage.folder)
        if manifest is None:
            continue
        if manifest.kind == "sources":
            sampled += manifest.steps[0].rows_in
            continue
        working = float(manifest.details.get("working_seconds", manifest.seconds))
        fixed += manifest.seconds - working
        seconds += working
        gpus = needs({name: loaded.models()[name] for name in manifest.models})["GPU"]
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
