"""Rows become token Parquet: one file per unit, with every row that entered and what became of it.

``<out>/unit-000000.parquet`` has the columns of ``OUTCOME`` and those of the kind of training; a rejected or failed row
has no tokens but a reason. Ray tasks read, render and write; the driver sees counts alone. A file that is there
already, made in the same way, is not made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from distilray.checkpoints import local_student, read_student
from distilray.ledger import UnitInput, fingerprint, kept_rows, unit_columns
from distilray.storage import Store
from distilray.train.data.filter import columns_in, filter_rows
from distilray.train.errors import CannotTrain
from distilray.train.methods.base import TrainingMethod, UntrainableRow
from distilray.train.methods.registry import method_of
from distilray.train.settings import TrainSettings

OUTCOME = pa.schema([("id", pa.string()), ("outcome", pa.string()), ("reason", pa.string()), ("length", pa.int32())])
"""``length`` is in tokens, also of rows that were too long."""

FILTERED_OUT = "filtered by `rows`"

MANIFEST = "manifest.json"
COUNTS_KEY = b"distilray.tokens"
IN_FLIGHT_PER_CPU = 2


class TokenCounts(msgspec.Struct, kw_only=True):
    """What one unit, or all of them, came to; ``rows_in == kept + rejected + failed``."""

    rows_in: int = 0
    kept: int = 0
    rejected: int = 0
    failed: int = 0
    truncated: int = 0
    """Kept rows whose end was cut off (``long_rows: truncate``)."""
    reasons: dict[str, int] = {}
    """``"rejected: longer than max_length"`` to the number of rows."""
    tokens: int = 0
    trained_tokens: int = 0
    longest: int = 0

    def add(self, other: TokenCounts) -> None:
        for name in ("rows_in", "kept", "rejected", "failed", "truncated", "tokens", "trained_tokens"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest = max(self.longest, other.longest)
        for reason, count in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count

    def reconciled(self) -> bool:
        return self.rows_in == self.kept + self.rejected + self.failed


class TokenManifest(msgspec.Struct, kw_only=True):
    """``<out>/manifest.json``: the token files of a training and how they were made."""

    folder: str
    template_hash: str
    fingerprint: str
    counts: TokenCounts
    units: list[str] = []

    @property
    def paths(self) -> list[str]:
        """The token files, relative to the store."""
        return [f"{self.folder}/{name}" for name in self.units]


def prepare_tokens(
    store: Store, inputs: Sequence[UnitInput], settings: TrainSettings, student_path: str, out: str
) -> TokenManifest:
    """Renders the kept rows of ``inputs`` into token files below ``out`` (a path in ``store``), on Ray.

    Raises :class:`CannotTrain` before anything starts where the student cannot be trained on chat rows, and after
    rendering where no row is left to train on.
    """
    student = read_student(student_path)
    if student.context is not None and settings.max_length > student.context:
        raise CannotTrain(
            f"train {settings.name!r}: max_length {settings.max_length} is more than the {student.context} tokens that "
            f"the student {settings.student!r} can read; set max_length to {student.context} or less"
        )
    form = method_of(settings).form(student.path, settings)
    made_of = {
        "kind": settings.kind,
        "chat": form.hash,
        "rows": settings.rows,
        "max_length": settings.max_length,
        "long_rows": settings.long_rows,
    }
    names = [f"unit-{number:06d}.parquet" for number in range(len(inputs))]
    keys = [fingerprint([made_of, unit.path, list(unit.decisions)]) for unit in inputs]
    work = [(unit, f"{out}/{name}", key) for unit, name, key in zip(inputs, names, keys, strict=True)]
    counts = TokenCounts()
    for unit_counts in _on_ray(store, work, settings, student_path):
        counts.add(unit_counts)
    if not counts.kept:
        why = ", ".join(f"{reason} ({n})" for reason, n in sorted(counts.reasons.items())) or "no rows came in"
        raise CannotTrain(f"train {settings.name!r}: no row is left to train on: {why}; see {store.shown}/{out}")
    made = fingerprint(keys)
    manifest = TokenManifest(folder=out, template_hash=form.hash, fingerprint=made, counts=counts, units=names)
    store.write_json(f"{out}/{MANIFEST}", manifest)
    return manifest


def read_tokens(store: Store, folder: str) -> TokenManifest:
    """The manifest that :func:`prepare_tokens` left in ``folder``."""
    return msgspec.json.decode(store.read(f"{folder}/{MANIFEST}"), type=TokenManifest)


def _on_ray(
    store: Store, work: list[tuple[UnitInput, str, str]], settings: TrainSettings, student_path: str
) -> Iterator[TokenCounts]:
    """Yields the counts of every unit, as they come."""
    import ray

    task = ray.remote(num_cpus=1, max_retries=3)(tokenize_unit)
    running: list[ray.ObjectRef] = []
    room = max(2, int(ray.cluster_resources().get("CPU", 1)) * IN_FLIGHT_PER_CPU)
    for unit, path, key in work:
        if len(running) >= room:
            done, running = ray.wait(running, num_returns=1)
            yield from ray.get(done)
        running.append(task.remote(store, unit, settings, student_path, path, key))
    yield from ray.get(running)


def tokenize_unit(
    store: Store, unit: UnitInput, settings: TrainSettings, student_path: str, path: str, key: str
) -> TokenCounts:
    """Writes the token file of one unit, unless ``path`` holds one made in the same way (same ``key``)."""
    done = counts_of_tokens(store, path, key)
    if done is not None:
        return done
    kind = method_of(settings)
    have = unit_columns(store, unit)
    wanted = {"id", *kind.columns(settings)} & set(have) | set(columns_in(settings.rows, have))
    rows = kept_rows(store, unit, [name for name in have if name in wanted])
    table, counts = tokenize_rows(rows, _form(local_student(student_path), settings), settings)
    write_tokens(store, path, table, key, counts)
    return counts


def write_tokens(store: Store, path: str, table: pa.Table, key: str, counts: TokenCounts) -> None:
    """Publishes a token file, marked with ``key``: how it was made."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({COUNTS_KEY: msgspec.json.encode({"key": key, "counts": counts})})
    store.write(path, sink.getvalue())


@lru_cache(maxsize=2)
def _form(path: str, settings: TrainSettings) -> Any:
    return method_of(settings).form(path, settings)


def counts_of_tokens(store: Store, path: str, key: str) -> TokenCounts | None:
    """The counts of the token file at ``path``, if it is there and was made as ``key`` says."""
    try:
        stored = _stored(store, path)
    except FileNotFoundError:
        return None
    return msgspec.convert(stored["counts"], TokenCounts) if stored["key"] == key else None


def made_of(store: Store, path: str) -> str:
    """The mark of how the token file at ``path`` was made."""
    return _stored(store, path)["key"]


def _stored(store: Store, path: str) -> dict:
    with store.open_input(path) as file:
        return msgspec.json.decode(pq.read_metadata(file).metadata[COUNTS_KEY])


def schema_of(kind: TrainingMethod) -> pa.Schema:
    """Columns of the token files of a training of ``kind``."""
    return pa.schema([*OUTCOME, *kind.token_columns])


def tokenize_rows(rows: pa.Table, form: Any, settings: TrainSettings) -> tuple[pa.Table, TokenCounts]:
    """``rows`` (columns that the kind of training reads, and those of the condition ``settings.rows``) as a table of
    token rows, in the same order; ``form`` is what the kind's
    :meth:`~distilray.train.methods.base.TrainingMethod.form` gave."""
    kind, counts, reasons, out = method_of(settings), TokenCounts(rows_in=rows.num_rows), Counter(), []
    missing = dict.fromkeys(name for name in kind.columns(settings) if name not in rows.column_names)
    for row, taken in zip(rows.to_pylist(), filter_rows(rows, settings.rows), strict=True):
        made = _tokenize(row | missing, kind, form, settings) if taken else UntrainableRow("rejected", FILTERED_OUT)
        if isinstance(made, UntrainableRow):
            setattr(counts, made.outcome, getattr(counts, made.outcome) + 1)
            reasons[f"{made.outcome}: {made.reason}"] += 1
            out.append({"id": row["id"], "outcome": made.outcome, "reason": made.reason, "length": made.length})
            continue
        counts.kept += 1
        counts.truncated += made.truncated
        counts.tokens += made.length
        counts.trained_tokens += made.trained
        counts.longest = max(counts.longest, made.length)
        out.append({"id": row["id"], "outcome": "kept", "reason": None, "length": made.length, **made.values})
    counts.reasons = dict(reasons)
    return pa.Table.from_pylist(out, schema_of(kind)), counts


def _tokenize(row: dict, kind: TrainingMethod, form: Any, settings: TrainSettings) -> Any:
    import jinja2

    try:
        return kind.tokenize(row, form, settings)
    except jinja2.TemplateError as error:
        return UntrainableRow("failed", f"the chat template refuses the conversation: {error}")
