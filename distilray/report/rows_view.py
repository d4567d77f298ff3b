"""Rows of a step, one readable block each: the question, the answer, the findings, and why it ended there.

── gsm8k/train.jsonl:17  en  math ─────────────────────────────── rejected at judge: relevance below 6
instruction   Natalia sold clips to 48 of her friends ...
answer        She sold 48 + 24 = 72 clips.
relevance     5
history       answer kept 1.2 s 310 tokens | check kept | judge rejected 0.8 s 120 tokens
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from distilray.errors import InputError
from distilray.ledger import StageFiles, list_stages, list_trainings, read_unit_counts
from distilray.rows import CORE, Row
from distilray.storage import Store, read_parquet
from distilray.train import read_tokens

HIDDEN = {*CORE.names} - {"reference", "reasoning", "answer", "rejected_answer", "extra"}
TRAINING, MANIFEST = "training/", "manifest.json"
LONG = 2_000
"""Characters of a value that are shown."""


class UnknownStep(InputError, LookupError):
    """The run has no step of that name."""


def show_rows(
    store: Store,
    step: str,
    outcome: str | None = None,
    limit: int = 10,
    out: TextIO | None = None,
    row_id: str | None = None,
) -> int:
    """Writes up to ``limit`` rows that entered ``step`` to ``out`` and returns how many; ``outcome`` selects by their
    outcome in this very step, ``row_id`` picks one. Reads unit after unit until there are enough.

    Raises :class:`UnknownStep`, which names the existing steps.
    """
    console = Console(file=out, highlight=False)
    shown = 0
    for row in find_rows(store, step, outcome, row_id):
        if shown == limit:
            console.print(Text("more rows match; raise --limit to see them", "dim"))
            break
        _show(console, row, step)
        shown += 1
    if not shown:
        which = " ".join(filter(None, [outcome, "row", f"with id {row_id}" if row_id else ""]))
        console.print(f"no {which} in step {step}")
    return shown


def find_rows(store: Store, step: str, outcome: str | None = None, row_id: str | None = None) -> Iterator[Row]:
    """Rows that entered ``step``, in the order of their units; of a step in rounds, those of every round. Of a training
    (``training/sft``) the ids, outcomes and lengths of its rows."""
    if step.startswith(TRAINING) and store.exists(f"{step}/tokens/{MANIFEST}"):
        yield from _rendered(store, step, outcome, row_id)
        return
    for stage in stages_with(store, step):
        for name in stage.units:
            for values in _read(store, stage, name, step):
                row = Row(values)
                there = outcome_at(row, step)
                if there and outcome in (None, there[0]) and row_id in (None, row.id):
                    yield row


def _rendered(store: Store, training: str, outcome: str | None, row_id: str | None) -> Iterator[Row]:
    for path in read_tokens(store, f"{training}/tokens").paths:
        for values in read_parquet(store, path, {"id", "outcome", "reason", "length"}).to_pylist():
            if outcome in (None, values["outcome"]) and row_id in (None, values["id"]):
                yield Row(values)


def stages_with(store: Store, step: str) -> list[StageFiles]:
    """The stages in which rows pass ``step``: one, or in a repeat one for each round. Raises :class:`UnknownStep`."""
    stages = list_stages(store)
    found = [stage for stage in stages if step in _steps_of(store, stage)]
    if not found:
        names = [name for stage in stages for name in _steps_of(store, stage)]
        known = dict.fromkeys([*names, *(folder for folder, _ in list_trainings(store))])
        raise UnknownStep(f"{store.shown} has no step {step!r}; there are: {', '.join(known) or 'none yet'}")
    return found


def outcome_at(row: Row, step: str) -> tuple[str, str | None] | None:
    """The outcome of ``row`` in ``step`` and the reason; ``None`` if it never reached it."""
    for entry in reversed(row["history"] or []):
        if entry["step"] == step:
            return entry["outcome"], entry["reason"]
    if row["stopped_at"] == step or not row["history"]:  # sources and global steps leave no entry in the history
        return row["outcome"] or "kept", row["reason"]
    return None


def _steps_of(store: Store, stage: StageFiles) -> list[str]:
    steps = stage.manifest.steps if stage.manifest else []
    if not steps and stage.units:
        steps = read_unit_counts(store, next(iter(stage.units.values()))).steps
    return [step_name(stage.folder, step.name) for step in steps]


def step_name(folder: str, step: str) -> str:
    """The name under which the rows of ``step`` in the stage ``folder`` are shown: its own, or of a benchmark's
    ``evaluations/student/gsm8k:benchmark``."""
    return step if folder.startswith("steps/") else f"{folder}:{step}"


def _read(store: Store, stage: StageFiles, name: str, step: str) -> list[dict[str, Any]]:
    """A unit's rows; where the stage wrote decisions, the rows that were decided on, with the decisions."""
    rows = read_parquet(store, stage.rows[name]).to_pylist()
    if stage.rows[name] == stage.units[name]:
        return rows
    decisions = {row["id"]: row for row in read_parquet(store, stage.units[name]).to_pylist()}
    return [{**row, **decisions[row["id"]], "stopped_at": step} for row in rows if row["id"] in decisions]


def _show(console: Console, row: Row, step: str) -> None:
    what, why = outcome_at(row, step) or ("kept", None)
    color = {"kept": "green", "rejected": "yellow", "failed": "red"}[what]
    title = Text.assemble(
        (row.id, "bold cyan"), f"  {row.language}  {row.task}  " if row["messages"] else "  ", (what, color)
    )
    if why:
        title.append(f": {why[:LONG]}", color)
    console.print(Rule(style="dim"))
    console.print(title, soft_wrap=True)
    fields = [
        (label, value if len(value) <= LONG else f"{value[:LONG]} … ({len(value):,} characters)")
        for label, value in _fields(row)
    ]
    if not console.is_terminal:  # whoever reads a pipe wants the lines as they are
        width = max((len(label) for label, _ in fields), default=0)
        for label, value in fields:
            text = value.replace("\n", "\n" + " " * (width + 4))
            console.print(Text(f"  {label:<{width}}  {text}"), soft_wrap=True)
        console.print()
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in fields:
        grid.add_row(label, Text(value))
    console.print(Padding(grid, (0, 0, 1, 2)))


def _fields(row: Row) -> Iterator[tuple[str, str]]:
    for message in row.messages:
        yield ("instruction" if message["role"] == "user" else message["role"]), message["content"]
    for name, value in row.values.items():
        if name not in HIDDEN and value not in (None, "", []):
            yield name, str(value)
    if row["parent"]:
        yield "parent", row["parent"]
    if row["history"]:
        yield "history", "\n".join(_history_line(entry) for entry in row["history"])


def _history_line(entry: dict[str, Any]) -> str:
    words = [entry["step"], entry["outcome"], f"({entry['reason'][:200]})" if entry["reason"] else ""]
    if entry["seconds"]:
        words.append(f"{entry['seconds']:.2f} s")
    if entry["tokens_out"]:
        words.append(f"{entry['tokens_in'] or 0:,} tokens in, {entry['tokens_out']:,} out")
    return "  ".join(filter(None, words))
