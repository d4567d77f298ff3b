"""Runs a recipe: sources, stages, trainings, evaluations; finished work is not repeated."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import ray

from distilray.driver.autoscaler import autoscaler
from distilray.driver.evaluations import run_evaluations
from distilray.driver.events import Event, Listener
from distilray.driver.machines import cluster_gpu_gib, nodes_there
from distilray.driver.outputs import record_outputs
from distilray.driver.residents import Residents, asked_after
from distilray.driver.stages import run_stages
from distilray.driver.trainings import Students, Trainings
from distilray.errors import DistilrayError, unwrapped
from distilray.evaluate import Result
from distilray.ledger import Lease, Manifest, fingerprint, now
from distilray.planning import Available, all_columns, check_questions, not_there_yet, plan
from distilray.recipe import Recipe, RecipeLike, as_recipe, column_problems
from distilray.runner import (
    Context,
    RunStopped,
    cluster,
    cluster_address,
    fitting_unit_rows,
    require_shared,
    run_sources,
    sources_identity,
    versions,
)
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
    try:
        return _finished(as_recipe(recipe, overrides), directory, limit, listen, only_steps, only_evaluations)
    except Exception as error:
        raised = unwrapped(error)
        if raised is error or not isinstance(raised, DistilrayError):
            raise
        raise raised from error  # callers catch our errors by their class, wherever they were raised


def _finished(
    recipe: Recipe,
    directory: str | None,
    limit: int | None,
    listen: Listener,
    only_steps: bool,
    only_evaluations: bool,
) -> Finished:
    started = time.monotonic()
    files = [check_source(source) for source in recipe.sources]
    if not only_steps:
        check_questions(recipe)
    store = Store.reach(directory or f"runs/{recipe.name}")
    with Lease.acquire(store, note=f"distilray run {recipe.origin}") as lease:
        record = _record(store, recipe, limit)
        sized = _with_unit_rows(store, recipe, files, limit, record)
        if not ray.is_initialized():
            listen(Event("note", "", "connecting to Ray" if cluster_address() else "starting Ray on this machine"))
        with cluster(recipe.resources):
            require_shared(store)
            context = Context(
                store=store.patient(),
                lease=lease,
                resources=sized.resources,
                budget=recipe.budget,
                seed=recipe.seed,
                run=record["id"],
                logs=store.full("logs") if store.local else None,
                on_progress=lambda progress: listen(Event("progress", progress["phase"], details=progress)),
            )
            results, student = _run(context, sized, files, limit, record, listen, only_steps, only_evaluations)
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
        with Residents(context, recipe, available()) as residents:
            return run_evaluations(context, recipe, Students(), residents, on_stage), None
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

    there = available()
    planned = plan(recipe, identity, there, record.get("grouping"))
    record |= {"grouping": planned.grouping}
    store.write_json("run.json", record)
    phases = {phase.name: phase.models for phase in planned.phases()}
    for text in not_there_yet(phases, recipe.resources, there):
        listen(Event("note", "", text))
    with Residents(context, recipe, there) as residents:
        trainings = Trainings(context, recipe, listen, residents, skip=only_steps)
        after = [] if only_steps else asked_after(recipe)
        units = run_stages(context, planned.stages, units, trainings, on_stage, residents, after)
        record_outputs(store, units)
        if only_steps:
            return [], None
        students = trainings.after(units, planned.fingerprint if planned.stages else identity)
        record |= {"student": students.last, "system": students.system}
        store.write_json("run.json", record)
        residents.available = available()
        results = run_evaluations(context, recipe, students, residents, on_stage)
    return results, students.last


def available() -> Available:
    """What the connected cluster has."""
    resources = ray.cluster_resources()
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    nodes = [node for node in alive if node.get("GPU")] or alive
    autoscales, may_join = autoscaler()
    return Available(
        resources.get("CPU", 0),
        resources.get("GPU", 0),
        # Nodes that join bring memory of their own.
        None if autoscales else resources.get("memory", 0) / 2**30,
        cluster_gpu_gib(),
        nodes=max(1, len(nodes)),
        host_gib=None if autoscales else min((node.get("memory", 0) / 2**30 for node in nodes), default=None),
        there=nodes_there(alive),
        autoscales=autoscales,
        may_join=may_join,
    )


def _with_unit_rows(
    store: Store, recipe: Recipe, files: list[list[SourceFile]], limit: int | None, record: dict
) -> Recipe:
    """``recipe`` with a number of rows for its units: its own, or that of the run, which keeps its first."""
    rows = recipe.resources.unit_rows
    if rows == "auto":
        begun = store.exists("steps/00-sources/manifest.json")
        rows = record.get("unit_rows") or (256 if begun else fitting_unit_rows(recipe.sources, files, limit))
    record |= {"unit_rows": rows}
    store.write_json("run.json", record)
    return recipe.model_copy(update={"resources": recipe.resources.model_copy(update={"unit_rows": rows})})


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
