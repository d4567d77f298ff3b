"""Runs a recipe: sources, stages, trainings, evaluations; finished work is not repeated."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import ray

from distilray.driver.evaluations import run_evaluations
from distilray.driver.events import Event, Listener
from distilray.driver.machines import cluster_gpu_gib
from distilray.driver.outputs import record_outputs
from distilray.driver.stages import run_stages
from distilray.driver.trainings import Students, Trainings
from distilray.evaluate import Result
from distilray.ledger import Lease, Manifest, fingerprint, now
from distilray.planning import Available, all_columns, check_questions, plan
from distilray.recipe import Recipe, RecipeLike, as_recipe, column_problems
from distilray.runner import Context, RunStopped, cluster, cluster_address, run_sources, sources_identity, versions
from distilray.sources import SourceFile, check_source
from distilray.storage import Store


@dataclass(frozen=True)
class Finished:
    """The results of a run."""

    store: Store
    recipe: Recipe
    results: list[Result]
    student: str | None
    """Path of the last training's checkpoint, in the store; None if the recipe has no training."""
    seconds: float


def run(
    recipe: RecipeLike,
    overrides: Sequence[str] = (),
    *,
    directory: str | None = None,
    limit: int | None = None,
    listen: Listener = lambda event: None,
    only_steps: bool = False,
    only_evaluations: bool = False,
) -> Finished:
    """Runs ``recipe`` (its path or URI, its sections, or itself) in ``directory`` (default ``runs/NAME``), or
    continues such a run.

    ``limit``: the most rows of all sources together; ``only_steps``: no training, no evaluation;
    ``only_evaluations``: nothing but the benchmarks, of models that no training makes. Raises
    :class:`RecipeError` and ``SourceError`` for mistakes found before anything starts, ``RunIsHeld`` if another
    driver works on the run, :class:`RunStopped` if it stopped cleanly before its end.
    """
    started = time.monotonic()
    recipe = as_recipe(recipe, overrides)
    files = [check_source(source) for source in recipe.sources]
    if not only_steps:
        check_questions(recipe)
    store = Store.reach(directory or f"runs/{recipe.name}")
    with Lease.acquire(store, note=f"distilray run {recipe.origin}") as lease:
        record = _record(store, recipe, limit)
        if not ray.is_initialized():
            listen(Event("note", "", "connecting to Ray" if cluster_address() else "starting Ray on this machine"))
        with cluster(recipe.resources):
            context = Context(
                store=store.patient(),
                lease=lease,
                resources=recipe.resources,
                budget=recipe.budget,
                seed=recipe.seed,
                run=record["id"],
                logs=store.full("logs") if store.local else None,
                on_progress=lambda progress: listen(Event("progress", progress["phase"], details=progress)),
            )
            results, student = _run(context, recipe, files, limit, record, listen, only_steps, only_evaluations)
            record |= {"state": "finished", "finished": now()}
            store.write_json("run.json", record)
    return Finished(store, recipe, results, student, time.monotonic() - started)


def _run(
    context: Context,
    recipe: Recipe,
    files: list[list[SourceFile]],
    limit: int | None,
    record: dict,
    listen: Listener,
    only_steps: bool,
    only_evaluations: bool,
) -> tuple[list[Result], str | None]:
    def on_stage(name: str, what: str) -> None:
        if context.lease.lost.is_set():
            raise RunStopped(f"the lease on the run was lost ({context.lease.why_lost}); another driver has it now")
        listen(Event("started" if what == "started" else "done", name))

    if only_evaluations:
        return run_evaluations(context, recipe, Students(), available(), on_stage), None
    store = context.store
    identity = fingerprint([sources_identity(recipe.sources, files), limit, recipe.resources.unit_rows])
    on_stage("sources", "started")
    units = run_sources(context, recipe.sources, identity, all_columns(recipe), limit)
    on_stage("sources", "done")
    manifest = Manifest.read(store, "steps/00-sources")
    assert manifest is not None
    problems = column_problems(recipe, set(manifest.details["columns"]))
    if problems:
        raise recipe.error(problems)

    planned = plan(recipe, identity, available(), record.get("grouping"))
    record |= {"grouping": planned.grouping}
    store.write_json("run.json", record)
    trainings = Trainings(context, recipe, listen, skip=only_steps)
    units = run_stages(context, planned.stages, units, trainings, on_stage)
    record_outputs(store, units)
    if only_steps:
        return [], None
    students = trainings.after(units, planned.fingerprint if planned.stages else identity)
    record |= {"student": students.last, "system": students.system}
    store.write_json("run.json", record)
    results = run_evaluations(context, recipe, students, available(), on_stage)
    return results, students.last


def available() -> Available:
    """What the connected cluster has."""
    resources = ray.cluster_resources()
    memory = resources.get("memory", 0) / 2**30
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    nodes = [node for node in alive if node.get("GPU")] or alive
    return Available(
        resources.get("CPU", 0),
        resources.get("GPU", 0),
        memory,
        cluster_gpu_gib(),
        nodes=max(1, len(nodes)),
        host_gib=min((node.get("memory", 0) / 2**30 for node in nodes), default=None),
    )


def _record(store: Store, recipe: Recipe, limit: int | None) -> dict:
    """The run's record, ``run.json``, and the recipe as it is run; an earlier recipe of the run is kept in
    ``recipes/``."""
    resolved = recipe.to_yaml().encode()
    record: dict = {"id": uuid.uuid4().hex[:12], "created": now(), "sessions": 0}
    if store.exists("run.json"):
        record = store.read_json("run.json")
    if store.exists("recipe.yaml") and store.read("recipe.yaml") != resolved:
        store.write(f"recipes/recipe-{record['sessions']}.yaml", store.read("recipe.yaml"))
    store.write("recipe.yaml", resolved)
    record |= {
        "name": recipe.name,
        "origin": recipe.origin,
        "limit": limit,
        "state": "running",
        "started": now(),
        "sessions": record["sessions"] + 1,
        "versions": versions(),
    }
    store.write_json("run.json", record)
    return record
