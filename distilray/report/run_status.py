"""What a run has done so far, from its ledger: as one stable JSON object, and on one screen.

    status(store)["steps"][1]
    {"name": "answer", "stage": "steps/01-answer+check+judge", "rows_in": 4096, "created": 0, "kept": 4094, ...}

Finished stages are read from their manifests, a stage in progress from the records of its units; no row is read.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import msgspec

from distilray.evaluate import read_results
from distilray.ledger import (
    SET_ASIDE,
    USAGE,
    Manifest,
    StageFiles,
    StepCounts,
    add_numbers,
    add_usage,
    list_stages,
    list_trainings,
    read_claims,
    read_counts,
    superseded,
)
from distilray.report.status_view import render_status
from distilray.storage import Store
from distilray.train import read_warnings

__all__ = ["render_status", "status", "trainings"]

STEPS_FOLDER = "steps/"

State = Literal["running", "finished", "interrupted", "never started"]


def status(store: Store) -> dict[str, Any]:
    """The run in ``store`` as JSON-like values. Keys are never taken away, only added:

    ``steps``, one entry per step and stage: rows_in, created, kept, rejected, failed, reconciled, reasons, tokens_in,
    tokens_out, seconds (summed over rows), stage_seconds (wall clock), tokens_per_s, units, units_missing, complete,
    counted (a column that a global step counts: how many rows have each value);
    ``models``: usage over the whole run, and ``busy_share``, the share of the time of their engines' places in which
    these were busy; ``idle``: of each phase that was not the first of its session, the seconds since the one before it
    in which no phase asked engines, and the models whose engines were ``kept`` running for it;
    ``training``: see :func:`trainings`;
    ``evaluations``: model, benchmark, metric, value, stderr,
    mean_output_tokens; ``state``, ``holder``, ``progress``; ``runners`` and ``engines``: rows and replies of each;
    ``set_aside``: stages of earlier settings, kept because their replies were paid for.
    """
    with ThreadPoolExecutor() as pool:  # on an object store each of these waits for several replies
        running, moving = pool.submit(_json, store, "run.json"), pool.submit(_json, store, "progress.json")
        holding, aside = pool.submit(_living_holder, store), pool.submit(_set_aside, store)
        trained, evaluated = pool.submit(trainings, store), pool.submit(read_results, store)
        counted = [(stage, _counted(store, stage)) for stage in list_stages(store)]
    record, progress, holder = running.result(), moving.result(), holding.result()
    state = _state(record, holder is not None, bool(counted))
    models: dict[str, dict[str, float]] = {}
    runners: dict[str, int] = {}
    engines: dict[str, int] = {}
    for _, manifest in counted:
        add_usage(models, {name: usage | _seconds_of(manifest, name) for name, usage in manifest.models.items()})
        add_numbers(runners, manifest.runners)
        add_numbers(engines, manifest.engines)
    return {
        "run": store.shown,
        **{key: record.get(key) for key in ("name", "created", "started", "finished", "sessions")},
        "state": state,
        "holder": str(holder) if holder else None,
        "progress": (progress or None) if state == "running" else None,
        "steps": [
            _step(step, stage, manifest)
            for stage, manifest in counted
            if stage.folder.startswith(STEPS_FOLDER)
            for step in manifest.steps
        ],
        "models": [_model(name, usage) for name, usage in models.items()],
        "idle": [_idle(stage, manifest) for stage, manifest in counted if "idle_seconds" in manifest.details],
        "training": trained.result(),
        "evaluations": [msgspec.to_builtins(result) for result in evaluated.result()],
        "runners": runners,
        "engines": engines,
        "set_aside": aside.result(),
    }


def _json(store: Store, path: str) -> dict[str, Any]:
    """Empty if there is no such file."""
    try:
        return store.read_json(path)
    except FileNotFoundError:
        return {}


def _set_aside(store: Store) -> list[str]:
    return [*(f"{SET_ASIDE}/{name}" for name in store.names(SET_ASIDE)), *superseded(store)]


def _counted(store: Store, stage: StageFiles) -> Manifest:
    """The stage's manifest, summed from its units if it is not complete."""
    if stage.complete and stage.manifest is not None:
        return stage.manifest
    begun = stage.manifest or Manifest(name=stage.name, kind="phase", fingerprint="")
    counted = msgspec.structs.replace(begun, units=0, steps=[], models={}, runners={}, engines={})
    for unit in read_counts(store, stage.folder, stage.units).values():
        counted.add(unit)
    return counted


def _living_holder(store: Store) -> Any:
    """The claim of the driver at work. A driver elsewhere is judged by when its heartbeat reached the store, which
    needs clocks that agree within a minute: good enough for display, not for taking over a lease."""
    for claim in read_claims(store):
        here = claim.process_is_here()
        if claim.state == "held" and (here or (here is None and _age(store, claim.path) < 60 + claim.ttl_s)):
            return claim
    return None


def _age(store: Store, path: str) -> float:
    modified = store.filesystem.get_file_info(store.full(path)).mtime
    return time.time() - modified.timestamp() if modified else float("inf")


def _state(record: dict[str, Any], held: bool, begun: bool) -> State:
    if held:
        return "running"
    if record.get("state") == "finished":
        return "finished"
    return "interrupted" if record or begun else "never started"


def _step(step: StepCounts, stage: StageFiles, manifest: Manifest) -> dict[str, Any]:
    return {
        **step.to_json(),
        "stage": stage.folder,
        "stage_seconds": round(manifest.seconds, 3),
        "tokens_per_s": round(step.tokens_out / manifest.seconds, 1) if manifest.seconds else None,
        "units": len(stage.units),
        "units_missing": len(stage.missing),
        "complete": stage.complete,
        "counted": manifest.details.get("counted", {}),
    }


def _seconds_of(manifest: Manifest, model: str) -> dict[str, float]:
    return {"stage_seconds": manifest.seconds, **manifest.details.get("places", {}).get(model, {})}


def _model(name: str, usage: dict[str, float]) -> dict[str, Any]:
    seconds = usage.get("stage_seconds", 0)
    numbers = {key: usage.get(key, 0) for key in USAGE}
    return {
        "name": name,
        **numbers,
        "stage_seconds": round(seconds, 3),
        "tokens_per_s": round(usage["tokens_out"] / seconds, 1) if seconds else None,
        "busy_share": round(usage["busy_s"] / usage["place_s"], 4) if usage.get("place_s") else None,
    }


def _idle(stage: StageFiles, manifest: Manifest) -> dict[str, Any]:
    seconds, kept = manifest.details["idle_seconds"], manifest.details.get("engines_kept", [])
    return {"stage": stage.folder, "seconds": round(seconds, 3), "kept": kept}


def trainings(store: Store) -> list[dict[str, Any]]:
    """The trainings that have begun: name, stage, complete, seconds, started, finished, warnings, and the details of
    finished ones."""
    return [
        _training(folder, manifest) | {"warnings": read_warnings(store, folder)}
        for folder, manifest in list_trainings(store)
    ]


def _training(folder: str, manifest: Manifest) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "stage": folder,
        "complete": manifest.finished is not None,
        "seconds": round(manifest.seconds, 3),
        "started": manifest.started,
        "finished": manifest.finished,
        **{key: value for key, value in manifest.details.items() if key not in ("name", "stage", "complete")},
    }
