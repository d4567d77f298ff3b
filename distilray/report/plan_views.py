"""A plan and a forecast as terminal tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from distilray.errors import counted
from distilray.models import GenerativeModel, ModelSettings
from distilray.planning import (
    Available,
    Plan,
    RepeatStage,
    TrainingNeed,
    TrainingStage,
    benchmark_needs,
    engine_gib,
    findings,
    needs,
    not_there_yet,
    student_notes,
    training_doubts,
    training_needs,
    weights_gib,
)
from distilray.recipe import Recipe, TrainEntry
from distilray.report.benchmark_plan import benchmarks_table
from distilray.report.numbers import duration
from distilray.runner import GlobalStage, Resources, size
from distilray.sources import SourceSurvey
from distilray.train import Findings, TrainResources

GIB = 2**30
ENOUGH = 1e6
"""CPUs assumed for machines of which only the GPUs were given."""

if TYPE_CHECKING:
    from distilray.driver import Forecast


def plan_view(recipe: Recipe, plan: Plan, available: Available, sources: Sequence[SourceSurvey]) -> Group:
    """Stages in order with what is resident in each, compared with what is available."""
    rows = sum(source.usable for source in sources)
    parts: list[RenderableType] = [
        Text(f"{recipe.name}: {counted(rows, 'row')} from {counted(len(sources), 'source')}", "bold"),
        _stages(recipe, plan),
    ]
    if recipe.models:
        parts += [Text(""), _models(recipe.models)]
    if recipe.all_trainings():
        needed = training_needs(recipe, available)
        parts += [Text(""), _trainings(needed), Text(""), _machines(needed, available.storage_gb_s)]
    if asked := benchmark_needs(recipe):
        parts += [Text(""), benchmarks_table(asked)]
    if (found := findings(recipe)) and any(found.values()):
        parts += [Text(""), _templates(found)]
    memory = f", {available.memory_gib:.1f} GiB of memory free" if available.memory_gib is not None else ""
    each = f" of {available.gpu_gib:g} GiB" if available.gpu_gib is not None else ""
    cpus = f"{counted(available.cpus, 'CPU')}, " if available.cpus < ENOUGH else ""
    nodes = f" on {available.nodes} machines" if available.nodes > 1 else ""
    parts += [Text(""), Text(f"available: {cpus}{counted(available.gpus, 'GPU')}{each}{nodes}{memory}")]
    malformed = [warning for source in sources for warning in source.warnings]
    doubts = [*student_notes(recipe), *training_doubts(recipe, rows)]
    warnings = [*malformed, *_warnings(plan, available, recipe.resources), *doubts]
    parts += [Text(f"! {warning}", "yellow") for warning in warnings]
    return Group(*parts)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="right" if column in ("CPUs", "GPUs", "GiB", "in flight", "tokens") else "left"
        )
    return table


def _stages(recipe: Recipe, plan: Plan) -> Table:
    table = _table("stage", "steps", "resident", "CPUs", "GPUs", "in flight")
    resources = recipe.resources
    for stage in plan.stages:
        if isinstance(stage, RepeatStage):
            table.add_row(
                stage.name,
                f"up to {counted(stage.rounds, 'round')} of",
                f"carries over {stage.carry_over} rows",
                "",
                "",
                "",
            )
        for inner in stage.body if isinstance(stage, RepeatStage) else [stage]:
            name = f"{stage.name}/{inner.name}" if isinstance(stage, RepeatStage) else inner.name
            if isinstance(inner, TrainingStage):
                _training_row(
                    table, f"{name}-round-K" if isinstance(stage, RepeatStage) else inner.directory, inner.entry
                )
                continue
            if isinstance(inner, GlobalStage):
                table.add_row(name, f"{inner.step.name} (all rows)", "", "0.5", "0", "")
                continue
            sizing = size(resources, inner.models, 1 << 30)
            need = needs(inner.models)
            cpus = need["CPU"] + sizing.runners * resources.runner_cpus
            table.add_row(
                name,
                " -> ".join(named.name for named in inner.steps),
                ", ".join(_resident(inner.models)) or "no model",
                f"{cpus:g}",
                f"{need['GPU']:g}",
                counted(sizing.runners * sizing.rows_in_flight, "row"),
            )
    for entry in recipe.train:
        _training_row(table, entry.directory, entry)
    for benchmark in recipe.evaluate:
        table.add_row(f"evaluations/{benchmark.name}", "benchmark", ", ".join(benchmark.models), "", "", "")
    return table


def _training_row(table: Table, name: str, entry: TrainEntry) -> None:
    used = entry.resources
    table.add_row(
        name,
        f"{entry.settings.kind} of {entry.settings.student}",
        _workers(used, entry.settings.sharding),
        f"{used.workers * used.cpus_per_worker:g}",
        f"{used.workers * used.gpus_per_worker:g}",
        "",
    )


def _workers(used: TrainResources, sharding: str) -> str:
    count = f"{used.fewest} to {used.workers} workers" if used.elastic else counted(used.workers, "worker")
    shared = f", rows shared by {used.sequence_parallel}" if used.sequence_parallel > 1 else ""
    return f"{count}, {sharding}{shared}"


def _trainings(needs: list[TrainingNeed]) -> Table:
    """GiB of one worker; the parts do not all exist at once, so the peak is less than their sum."""
    parts = ("weights", "gradients", "optimizer", "gathered", "activations", "logits", "beside")
    shown = [part for part in parts if any(need.memory and getattr(need.memory, part) for need in needs)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("training, GiB a worker", *shown, "peak", "of"):
        table.add_column(column, justify="left" if column.startswith("training") else "right")
    for need in needs:
        room = "?" if need.room is None else f"{need.room / GIB:.1f}"
        if need.memory is None:
            table.add_row(f"{need.entry.name}: {need.unknown}", *("" for _ in shown), "?", room)
            continue
        gib = need.memory.gib()
        numbers = [f"{gib[part]:.1f}" for part in shown]
        table.add_row(need.entry.name, *numbers, f"{gib['total']:.1f}", room)
    return table


def _machines(needs: list[TrainingNeed], storage: float) -> Table:
    """GiB of the machine that needs most, GB of files and the time that they take."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("loading", "offloaded", "export", "in all", "of", "to read", "checkpoint", "student")
    for column in (f"training, GiB a machine; files at {storage:g} GB/s", *columns):
        table.add_column(column, justify="left" if column.startswith("training") else "right")
    for need in needs:
        if need.host is None or need.files is None:
            table.add_row(need.entry.name, *("?" for _ in columns))
            continue
        gib, files = need.host.gib(), need.files.gb()
        room = "?" if need.host_room is None else f"{need.host_room / GIB:.0f}"
        host = [f"{gib[part]:.1f}" for part in ("loading", "offloaded", "exporting", "total")]
        written = [f"{files[name]:.1f} GB, {duration(files[f'{name}_s'])}" for name in ("read", "checkpoint", "export")]
        table.add_row(need.entry.name, *host, room, *written)
    return table


def _resident(models: Mapping[str, ModelSettings]) -> list[str]:
    return [f"{name} x{engines}" if (engines := _engines(model)) != "1" else name for name, model in models.items()]


def _engines(model: ModelSettings) -> str:
    """``"4"``, or ``"1-64"`` where more may join."""
    least, most = model.least_replicas, model.most_replicas
    return f"{least}" if most == least else f"{least}-{most}"


def _models(models: Mapping[str, ModelSettings]) -> Table:
    table = _table("model", "weights", "GiB", "engines", "tokens")
    for name, model in models.items():
        weights = weights_gib(model)
        table.add_row(
            name,
            model.title,
            "not local" if weights is None else f"{weights:.2f}",
            f"{_engines(model)} x {counted(needs({name: model})['CPU'] / model.least_replicas, 'CPU')}",
            f"<= {model.sampling.max_tokens:,} a reply" if isinstance(model, GenerativeModel) else "",
        )
    return table


def _templates(found: Mapping[str, Findings | None]) -> Table:
    """What the models' chat templates make of one turn and of several, without a trace and with one."""
    names = ("turns end with", "system prompt", "one turn", "with a trace", "several turns", "with a trace")
    table = _table("chat template", *names)
    for name, seen in found.items():
        if seen is None:
            table.add_row(name, "not on this machine")
            continue
        system = "yes" if seen.system else "no"
        cells = (seen.end or "no token", system, seen.one, seen.one_trace, seen.several, seen.several_trace)
        table.add_row(name, *(Text(cell) for cell in cells))
    return table


def _warnings(plan: Plan, available: Available, resources: Resources) -> list[str]:
    found = not_there_yet({phase.name: phase.models for phase in plan.phases()}, resources, available)
    for phase in plan.phases():
        if available.memory_gib is None:
            continue
        sizes = [engine_gib(model) for model in phase.models.values()]
        known = [size * model.least_replicas for size, model in zip(sizes, phase.models.values(), strict=True) if size]
        if sum(known) > available.memory_gib:
            found.append(
                f"phase {phase.name} needs about {sum(known):.1f} GiB of memory for its engines, "
                f"{available.memory_gib:.1f} GiB are free; lower kv_cache_gib or replicas"
            )
    return found


def forecast_view(forecast: Forecast, gpu_hour: float | None = None) -> Group:
    """The forecast for all rows from a pilot of some; ``gpu_hour`` is the price of an hour of one GPU."""
    table = _table("model", "tokens in", "tokens out", "tokens/s", "cost")
    for model in forecast.models:
        table.add_row(
            model.model,
            f"{model.tokens_in:,.0f}",
            f"{model.tokens_out:,.0f}",
            f"{model.tokens_per_s:,.0f}",
            f"{model.cost:,.2f}" if model.cost else "-",
        )
    pilot = f"a pilot of {forecast.sample:,}"
    head = f"forecast for {counted(forecast.rows, 'row')} from {pilot}: steps {duration(forecast.seconds)}"
    parts: list[RenderableType] = [Text(""), Text(head, "bold"), table]
    if forecast.gpu_hours:
        price = "" if gpu_hour is None else f", {forecast.gpu_hours * gpu_hour:,.2f} at {gpu_hour:g} an hour"
        parts.append(Text(f"engines hold GPUs for {forecast.gpu_hours:,.1f} GPU hours{price}"))
    return Group(*parts)
