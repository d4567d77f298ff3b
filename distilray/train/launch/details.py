"""Results of a finished training for its stage's manifest: the figures that cards, reports and tables show."""

from __future__ import annotations

import itertools
import statistics
from typing import Any

from distilray.train.loop.metrics import BEST_RECORD, DEVICE, read_metrics
from distilray.train.progress import read_warnings
from distilray.train.spec import TrainingSpec


def details(spec: TrainingSpec) -> dict[str, Any]:
    """From the records of the training in ``spec.out``."""
    store, out, settings = spec.store, spec.out, spec.settings
    written = read_metrics(store, out)
    records = [record for record in written if "loss" in record]
    held_out = [record["held_out_loss"] for record in written if "held_out_loss" in record]
    last, best = records[-1], f"{out}/{BEST_RECORD}"
    counts = [record.get("workers", spec.resources.workers) for record in records]
    warnings = read_warnings(store, out)
    return {
        "checkpoint": f"{out}/final",
        "kind": settings.kind,
        "generative": spec.method.is_generative,
        "sharding": settings.sharding,
        "workers": counts[-1],
        "worker_counts": [count for count, _ in itertools.groupby(counts)],
        "steps": last["step"],
        "epochs": last["epoch"],
        "tokens": last["tokens"],
        "loss_first": records[0]["loss"],
        "loss_last": last["loss"],
        "tokens_per_second": round(last["tokens"] / last["seconds"], 1),
        "step_seconds": last["seconds"],
        "memory_gib": max(record["memory_gib"] for record in records),
        "mfu": _median([record["mfu"] for record in records if record.get("mfu") is not None]),
        **(store.read_json(f"{out}/{DEVICE}") if store.exists(f"{out}/{DEVICE}") else {}),
        "held_out_loss": min(held_out, default=None),
        "exported_step": store.read_json(best)["step"] if store.exists(best) else last["step"],
        "system": settings.system,
        "think": settings.think,
        **({"warnings": warnings} if warnings else {}),
        **spec.method.details(store, out),
    }


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 4) if values else None
