"""A run's status on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from distilray.errors import counted
from distilray.report.numbers import duration, scored, short

REASONS_SHOWN = 3
OUTCOMES = ("rows_in", "created", "kept", "rejected", "failed")
STATES = {"running": "green", "finished": "bold", "interrupted": "yellow", "never started": "dim"}


def render_status(found: dict[str, Any]) -> Group:
    """What :func:`distilray.report.run_status.status` found, for a terminal; empty parts are left out."""
    parts: list[RenderableType] = [_head(found)]
    if found["progress"]:
        parts.append(_progress(found["progress"]))
    if found["steps"]:
        parts += [Text(), _steps(found["steps"])]
    if any(step["reasons"] for step in found["steps"]):
        parts += [Text(), _reasons(found["steps"])]
    if any(step["counted"] for step in found["steps"]):
        parts += [Text(), _counted(found["steps"])]
    if found["models"]:
        parts += [Text(), _models(found["models"])]
    if found["idle"]:
        parts.append(_idle(found["idle"]))
    for training in found["training"]:
        parts += [Text(), _training(training), *training_warnings([training])]
    if found["evaluations"]:
        parts += [Text(), _evaluations(found["evaluations"])]
    if found["set_aside"]:
        parts += [Text(), _set_aside(found["set_aside"])]
    return Group(*parts)


def _head(found: dict[str, Any]) -> Text:
    head = Text.assemble((found["run"], "cyan"), "  ", (found["state"], STATES[found["state"]]))
    if found["holder"]:
        head.append(f"  by {found['holder']}", "dim")
    if found["state"] == "interrupted":
        head.append("\nrun the same command again to resume", "dim")
    return head


def _progress(progress: dict[str, Any]) -> Text:
    if progress.get("waiting"):
        return Text(f"{progress['phase']}  waiting for {progress['waiting']}")
    eta = "?" if progress.get("eta_s") is None else duration(progress["eta_s"])
    done = f"{progress['done']:,}/{progress['total']:,} {progress.get('unit', 'units')}"
    words = f"{progress['phase']}  {done}  ETA {eta}"
    rates = "".join(
        f"  {name} {model['tokens_per_s']:,.0f} tok/s{_busy(model)}"
        for name, model in progress.get("models", {}).items()
        if "tokens_per_s" in model
    )
    return Text(words + rates)


def _busy(model: dict[str, Any]) -> str:
    engines = f", {model['engines']} engines" if model.get("engines", 1) != 1 else ""
    return engines + (f", engine places busy {model['busy_share']:.0%}" if "busy_share" in model else "")


def _steps(steps: list[dict[str, Any]]) -> Table:
    outcomes = [key for key in OUTCOMES if key != "created" or any(step["created"] for step in steps)]
    table = _table("step", *(key.replace("rows_", "") for key in outcomes), "tokens out", "tok/s", "time", "")
    stage = None
    for step in steps:
        first, stage = step["stage"] != stage, step["stage"]
        table.add_row(
            _step_name(step),
            *(_number(step[key]) for key in outcomes),
            _tokens(step["tokens_out"]),
            _tokens(step["tokens_per_s"]),
            duration(step["stage_seconds"]) if first else "",
            _remark(step) if first or not step["reconciled"] else Text(),
        )
    return table


def _reasons(steps: list[dict[str, Any]]) -> Table:
    table = _table("why rows left", "", "", left=3)
    for step in steps:
        for reason, n in sorted(step["reasons"].items(), key=lambda item: -item[1])[:REASONS_SHOWN]:
            table.add_row(_step_name(step), _number(n), Text(reason, "dim"))
    return table


def _counted(steps: list[dict[str, Any]]) -> Table:
    table = _table("counted values", "", "", left=3)
    for step in steps:
        for column, values in step["counted"].items():
            for value, n in sorted(values.items()):
                table.add_row(_step_name(step), _number(n), Text(f"{column}: {value}", "dim"))
    return table


def _step_name(step: dict[str, Any]) -> str:
    rounds = [part for part in step["stage"].split("/") if part.startswith("round-")]
    return " ".join([step["name"], *rounds])


def _remark(step: dict[str, Any]) -> Text:
    if not step["reconciled"]:
        return Text("counts do not add up", "bold red")
    if step["complete"]:
        return Text()
    return Text(f"{step['units']:,}/{step['units'] + step['units_missing']:,} units", "yellow")


def _models(models: list[dict[str, Any]]) -> Table:
    busy = ["busy"] if any(model["busy_share"] is not None for model in models) else []
    table = _table("model", "requests", "replies", "replayed", "tokens in", "tokens out", "tok/s", *busy, "cost")
    for model in models:
        table.add_row(
            model["name"],
            *(_number(model[key]) for key in ("requests", "replies", "replayed")),
            *(_tokens(model[key]) for key in ("tokens_in", "tokens_out", "tokens_per_s")),
            *("" if model["busy_share"] is None else f"{model['busy_share']:.0%}" for _ in busy),
            f"{model['cost']:,.4f}" if model["cost"] else "",
        )
    return table


def _idle(idle: list[dict[str, Any]]) -> Text:
    total = duration(sum(gap["seconds"] for gap in idle))
    text = f"engines idle between phases for {total}"
    kept = sorted({model for gap in idle for model in gap["kept"]})
    return Text(text + (f"; kept running: {', '.join(kept)}" if kept else ""), "dim")


def _training(training: dict[str, Any]) -> Text:
    line = Text.assemble(("training ", "dim"), training["name"], "  ")
    if not training["complete"]:
        return line.append("not finished", "yellow")
    if "loss_last" in training:
        line.append(
            f"{counted(training['steps'], 'step')}  loss {training['loss_first']:.3f} to {training['loss_last']:.3f}  "
        )
        line.append(f"{training['tokens_per_second']:,.0f} tok/s  ")
    return line.append(duration(training["seconds"]), "dim")


def training_warnings(trainings: Sequence[dict[str, Any]]) -> list[Text]:
    """What the trainings warned of, a line each."""
    return [
        Text(f"! training {training['name']}: {text}", "yellow")
        for training in trainings
        for text in training["warnings"]
    ]


def _evaluations(results: list[dict[str, Any]]) -> Table:
    table = _table("benchmark", "model", "metric", "value", "± std. error", "mean output tokens", left=3)
    for result in results:
        table.add_row(
            result["benchmark"],
            result["model"].replace("_", " "),
            result["metric"],
            scored(result["value"], result["highest"]),
            scored(result["stderr"], result["highest"]),
            f"{result['mean_output_tokens']:.1f}",
        )
    return table


def _set_aside(folders: list[str]) -> Text:
    few = ", ".join(folders[:3]) + (", ..." if len(folders) > 3 else "")
    return Text(
        f"{counted(len(folders), 'stage')} of earlier settings kept (replies were paid for): {few}. Delete what you no "
        "longer need.",
        "dim",
    )


def _table(*columns: str, left: int = 1) -> Table:
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="dim")
    for k, column in enumerate(columns):
        table.add_column(
            column, justify="left" if k < left else "right", no_wrap=k < left or k == len(columns) - 1 or left == 1
        )
    return table


def _number(value: float | None) -> str:
    return f"{value:,.0f}" if value else ""


def _tokens(value: float | None) -> str:
    return short(value) if value else ""
