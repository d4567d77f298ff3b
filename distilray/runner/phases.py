"""A phase on the cluster: its units pass through row runners until every unit's file exists."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import ray
from msgspec.json import decode
from ray.data import ExecutionResources
from ray.exceptions import RayError

from distilray.errors import MachineryFault
from distilray.ledger import (
    REPLIES,
    Manifest,
    StepCounts,
    UnitCounts,
    UnitInput,
    find_replies,
    now,
    open_stage,
    plain_folder,
    read_counts,
    stream_folder,
)
from distilray.models import PoolHandles
from distilray.runner.context import Context, RunStopped
from distilray.runner.engine_pass import pass_units
from distilray.runner.monitor import Work, is_lost, reports, running_monitor
from distilray.runner.package_versions import versions
from distilray.runner.progress import Progress
from distilray.runner.residency import Residency
from distilray.runner.row_runner import RowRunner, RunnerSpec
from distilray.runner.sizing import Sizing, size
from distilray.runner.spending import spent
from distilray.runner.stage import Phase
from distilray.storage import Store


def run_phase(
    context: Context, phase: Phase, inputs: Sequence[tuple[str, UnitInput]], resident: Residency | None = None
) -> list[tuple[str, UnitInput]]:
    """Passes every unit of ``inputs`` (name, what to read) through ``phase``; returns what the next stage reads.

    ``resident``: pools that stay up for others; by default the phase has its own, and stops them at its end.
    Units whose file exists are not touched. Raises :class:`RunStopped` when the budget is spent or the lease is lost.
    """
    store = context.store
    manifest, _ = open_stage(
        store,
        phase.directory,
        Manifest(name=phase.name, kind="phase", fingerprint=phase.fingerprint, versions=versions()),
    )
    outputs = [(name, UnitInput(f"{phase.directory}/{name}.parquet", ())) for name, _ in inputs]
    if manifest.finished:
        return outputs
    published = set(store.names(phase.directory))
    missing = [(name, unit) for name, unit in inputs if f"{name}.parquet" not in published]
    counted = Manifest(
        name=manifest.name,
        kind=manifest.kind,
        fingerprint=manifest.fingerprint,
        versions=manifest.versions,
        started=manifest.started,
        seconds=manifest.seconds,
        details=dict(manifest.details),
        steps=[StepCounts(named.name) for named in phase.steps],
    )
    _count(store, phase, [name for name, _ in outputs if f"{name}.parquet" in published], counted)
    started = time.monotonic()
    before = manifest.seconds
    try:
        if missing:
            with nullcontext(resident) if resident else Residency(context) as pools:
                _run_missing(context, phase, pools, missing, counted, total=len(inputs))
    finally:
        counted.seconds = before + time.monotonic() - started
        counted.write(store, phase.directory)
    _refuse_mass_failure(context, phase, counted)
    counted.finished = now()
    counted.write(store, phase.directory)
    store.delete_dir(stream_folder(phase.directory))  # what is kept of it, each unit has sealed
    return outputs


def _run_missing(
    context: Context,
    phase: Phase,
    pools: Residency,
    missing: list[tuple[str, UnitInput]],
    counted: Manifest,
    total: int,
) -> None:
    sizing = size(context.resources, phase.models, len(missing))
    names = [name for name, _ in missing]
    places = find_replies(context.store, phase.directory, names, _replies_before(context, phase))
    work = Work(context.store, phase.directory, tuple(missing), places, spent(context.store), context.budget)
    with running_monitor(work) as monitor, Progress(context, phase, counted, total, monitor) as progress:
        handles = _engines(phase, pools, counted, progress)
        progress.working(handles)
        working = time.monotonic()
        spec = RunnerSpec(
            store=context.store,
            phase=phase,
            pools=handles,
            monitor=monitor,
            seed=context.seed,
            admission=sizing.admission,
            keep_replies=context.resources.keep_replies,
            units_a_ticket=sizing.units_a_ticket,
        )
        try:
            stopped = _collect(context, spec, pools, missing, sizing, counted, monitor)
        except RayError as error:
            if not is_lost(monitor):
                raise
            raise MachineryFault(
                f"{phase.name}: the process that hands out its units was lost ({str(error).splitlines()[0]}); nothing "
                "else is: run the same command again"
            ) from error
        finally:
            pools.ended = time.monotonic() if phase.models else pools.ended
            counted.details["working_seconds"] = (
                counted.details.get("working_seconds", 0.0) + time.monotonic() - working
            )
            _count_places(counted, progress)
        if stopped:
            told = reports(monitor)
            if told["fault"] is not None:
                raise MachineryFault(
                    f"{told['fault']}. Nothing is lost and no row failed of it; when the cause is mended, run the same "
                    "command again: no request is repeated"
                )
            if told["stop"] is None:
                raise MachineryFault(f"{phase.name}: runners left units undone; run the same command again")
            why = told["stop"]
            raise RunStopped(f"{why}; raise it and run the same command again; no request is repeated")


def _engines(phase: Phase, pools: Residency, counted: Manifest, progress: Progress) -> PoolHandles:
    """The phase's engines, and in the stage's details how long none worked before, which of them were kept, and what
    identifies the chat templates that they use."""
    if not phase.models:
        return pools.handles({})
    waiting = f"engines of {', '.join(phase.models)}"

    def told(text: str) -> None:
        progress.waiting = f"{waiting}: {text}"

    progress.waiting = waiting
    before = pools.running
    handles = pools.handles(phase.models, told)
    counted.details["engines_kept"] = [name for name, model in phase.models.items() if before.get(name) == model]
    if templates := {name: pool.info.template for name, pool in handles.pools.items() if pool.info.template}:
        counted.details["templates"] = templates
    if pools.ended is not None:
        counted.details["idle_seconds"] = counted.details.get("idle_seconds", 0.0) + time.monotonic() - pools.ended
    return handles


def _count_places(counted: Manifest, progress: Progress) -> None:
    """Adds how busy the engines' places were to the stage's details: over all sessions, and until the last row began in
    the one that began it."""
    if progress.places is None:
        return  # it was over before the first report
    counted.details["start_seconds"] = counted.details.get("start_seconds", 0.0) + (progress.first_row_s or 0.0)
    places = counted.details.setdefault("places", {})
    for model, busy in progress.sample().items():
        total = places.setdefault(model, {"busy_s": 0.0, "place_s": 0.0})
        total["busy_s"] += busy.busy_s
        total["place_s"] += busy.place_s
    if progress.busy_until_last_row is not None:
        counted.details["busy_until_last_row"] = progress.busy_until_last_row


def _collect(
    context: Context,
    spec: RunnerSpec,
    pools: Residency,
    missing: list[tuple[str, UnitInput]],
    sizing: Sizing,
    counted: Manifest,
    monitor: Any,
) -> bool:
    """Counts finished units; returns whether the runners had to stop before the last."""
    left = dict(missing)
    for result in _results(context, spec, pools, len(missing), sizing):
        if not result["counts"]:
            continue  # a ticket for which no unit was left
        del left[result["name"]]
        counted.add(decode(result["counts"], type=UnitCounts))
        if context.lease.lost.is_set():
            ray.get(monitor.stop.remote("the lease on the run was lost"))
            raise RunStopped(
                f"the lease on the run was lost ({context.lease.why_lost}); this driver stopped without touching it "
                "further. Unless another driver holds it now, the same command resumes it: no request is repeated"
            )
    return not _add_unheard(context.store, spec.phase, left, counted)


def _add_unheard(store: Store, phase: Phase, left: Mapping[str, UnitInput], counted: Manifest) -> bool:
    """Counts units whose runner published them and died before it could say so; returns whether there are no others."""
    published = set(store.names(phase.directory)) if left else set()
    unheard = [name for name in left if f"{name}.parquet" in published]
    _count(store, phase, unheard, counted)
    return len(unheard) == len(left)


def _count(store: Store, phase: Phase, published: Sequence[str], counted: Manifest) -> None:
    """Adds units that are published."""
    paths = {name: f"{phase.directory}/{name}.parquet" for name in published}
    for counts in read_counts(store, phase.directory, paths).values():
        counted.add(counts)


def _results(
    context: Context, spec: RunnerSpec, pools: Residency, units: int, sizing: Sizing
) -> Iterator[dict[str, Any]]:
    """What runners return about each ticket, as units are done."""
    # Pools were reserved first; by default Ray Data plans with the whole cluster.
    reserved, cluster = pools.reserved(), ray.cluster_resources()
    limits = ExecutionResources(
        cpu=max(cluster.get("CPU", 0) - reserved["CPU"], context.resources.runner_cpus * sizing.runners),
        gpu=max(cluster.get("GPU", 0) - reserved["GPU"], 0),
    )
    # A runner holds more tickets than it can use, so that those of all runners together are enough.
    rounds = math.ceil(units / sizing.units_a_ticket)
    tickets = [{"ticket": number} for number in range(rounds + sizing.runners * sizing.units_assigned)]
    yield from pass_units(
        RowRunner,
        (spec,),
        tickets,
        actors=sizing.runners,
        cpus=context.resources.runner_cpus,
        units_in_flight=sizing.units_assigned,
        limits=limits,
        spread=True,
    )


def _replies_before(context: Context, phase: Phase) -> tuple[str, ...]:
    """Phases of earlier versions of the recipe that share a step with this one: that step's replies are still valid
    where their keys match."""
    parent, _, own = phase.directory.rpartition("/")
    names = {named.name for named in phase.steps}
    found = []
    for folder in context.store.names(f"{REPLIES}/{parent}"):
        if folder != own and names & set(plain_folder(folder).partition("-")[2].split("+")):
            found.append(f"{parent}/{folder}")
    return tuple(found)


def _refuse_mass_failure(context: Context, phase: Phase, counted: Manifest) -> None:
    for step in counted.steps:
        if step.rows_in >= 20 and step.failed > context.budget.failed_share * step.rows_in:
            worst = max(
                (reason for reason in step.reasons if reason.startswith("failed")),
                key=step.reasons.__getitem__,
            )
            raise RunStopped(
                f"step {step.name} failed on {step.failed:,} of {step.rows_in:,} rows, most often: {worst}. Look at "
                f"them with `distilray rows RUN {step.name} --outcome failed`, fix the cause, and delete "
                f"{context.store.shown}/{phase.directory} to run the phase again; or raise budget.failed_share"
            )
