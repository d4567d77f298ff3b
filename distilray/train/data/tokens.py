"""Converts rows to token Parquet: one file per unit, with every row that entered and its outcome.

``<out>/tokens/unit-000000.parquet`` has the columns of ``OUTCOME`` and those of the training method; a rejected or
failed row has a reason in place of tokens. Ray tasks read, render and write; the driver sees only counts. An existing
file, made in the same way, is not made again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from distilray.checkpoints import local_student, read_student
from distilray.ledger import UnitInput, fingerprint, kept_rows, unit_columns
from distilray.rows import TRAINING_MARKS
from distilray.storage import Store, read_parquet_footer, write_parquet
from distilray.train.data.filter import columns_in, filter_rows
from distilray.train.data.tokenized import UntrainableRow
from distilray.train.data.turns import Misrendered
from distilray.train.data.weights import UnknownWeights, with_turn_weights
from distilray.train.errors import CannotTrain
from distilray.train.settings import TrainSettings
from distilray.train.spec import TrainingSpec

if TYPE_CHECKING:
    from distilray.train.methods.base import TrainingMethod

OUTCOME = pa.schema([("id", pa.string()), ("outcome", pa.string()), ("reason", pa.string()), ("length", pa.int32())])
"""``length`` is in tokens, also of rows that were too long."""

FILTERED_OUT = "filtered by `rows`"

MANIFEST = "manifest.json"
COUNTS_KEY = "distilray.tokens"
IN_FLIGHT_PER_CPU = 2


class TokenCounts(msgspec.Struct, kw_only=True):
    """Counts of one unit, or of all of them; ``rows_in == kept + rejected + failed``."""

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
    """``<out>/tokens/manifest.json``: the token files of a training and how they were made."""

    folder: str
    renderer_hash: str
    """Hash of all that determines how a row is rendered: the template, the system prompt and the form of answers."""
    fingerprint: str
    counts: TokenCounts
    units: list[str] = []

    @property
    def paths(self) -> list[str]:
        """The token files, relative to the store."""
        return [f"{self.folder}/{name}" for name in self.units]


def prepare_tokens(spec: TrainingSpec, inputs: Sequence[UnitInput]) -> TokenManifest:
    """Renders the kept rows of ``inputs`` into token files below ``spec.out``, on Ray.

    Raises :class:`CannotTrain` before anything starts if the student cannot be trained on these rows, and after
    rendering if no row is left.
    """
    store, settings, out = spec.store, spec.settings, f"{spec.out}/tokens"
    student = read_student(spec.student_path)
    if student.context is not None and settings.max_length > student.context:
        raise CannotTrain(
            f"train {settings.name!r}: max_length {settings.max_length} exceeds the context of the student "
            f"{settings.student!r}, {student.context} tokens; set max_length to {student.context} or less"
        )
    renderer = spec.method.renderer(student.path, settings, spec.template_variables)
    made_of = {
        "kind": settings.uses or settings.kind,
        "chat": renderer.hash,
        "rows": settings.rows,
        "max_length": settings.max_length,
        "long_rows": settings.long_rows,
    }
    names = [f"unit-{number:06d}.parquet" for number in range(len(inputs))]
    keys = [fingerprint([made_of, unit.path, list(unit.decisions)]) for unit in inputs]
    work = [(unit, f"{out}/{name}", key) for unit, name, key in zip(inputs, names, keys, strict=True)]
    counts = TokenCounts()
    for unit_counts in _on_ray(spec, work):
        counts.add(unit_counts)
    if not counts.kept:
        why = ", ".join(f"{reason} ({n})" for reason, n in sorted(counts.reasons.items())) or "no rows came in"
        raise CannotTrain(f"train {settings.name!r}: no row is left to train on: {why}; see {store.shown}/{out}")
    made = fingerprint(keys)
    manifest = TokenManifest(folder=out, renderer_hash=renderer.hash, fingerprint=made, counts=counts, units=names)
    store.write_json(f"{out}/{MANIFEST}", manifest)
    return manifest


def read_tokens(store: Store, folder: str) -> TokenManifest:
    """The manifest that :func:`prepare_tokens` wrote to ``folder``."""
    return msgspec.json.decode(store.read(f"{folder}/{MANIFEST}"), type=TokenManifest)


def _on_ray(spec: TrainingSpec, work: list[tuple[UnitInput, str, str]]) -> Iterator[TokenCounts]:
    """Yields the counts of every unit, as units are done."""
    import ray

    task, sent = ray.remote(num_cpus=1, max_retries=3)(tokenize_unit), spec.sendable()
    running: list[ray.ObjectRef] = []
    room = max(2, int(ray.cluster_resources().get("CPU", 1)) * IN_FLIGHT_PER_CPU)
    for unit, path, key in work:
        if len(running) >= room:
            done, running = ray.wait(running, num_returns=1)
            yield from ray.get(done)
        running.append(task.remote(sent, unit, path, key))
    yield from ray.get(running)


def tokenize_unit(spec: TrainingSpec, unit: UnitInput, path: str, key: str) -> TokenCounts:
    """Writes the token file of one unit, unless ``path`` holds one made in the same way (same ``key``)."""
    store, method, settings = spec.store, spec.method, spec.settings
    done = counts_of_tokens(store, path, key)
    if done is not None:
        return done
    have = unit_columns(store, unit)
    read = {"id", "extra", *TRAINING_MARKS, *method.columns(settings)}
    wanted = read & set(have) | set(columns_in(settings.rows, have))
    rows = kept_rows(store, unit, [name for name in have if name in wanted])
    variables = json.dumps(dict(spec.template_variables), sort_keys=True)
    renderer = _renderer(method, local_student(spec.student_path), settings, variables)
    table, counts = tokenize_rows(rows, method, renderer, settings)
    write_tokens(store, path, table, key, counts)
    return counts


def write_tokens(store: Store, path: str, table: pa.Table, key: str, counts: TokenCounts) -> None:
    """Publishes a token file, marked with ``key``: how it was made."""
    write_parquet(store, path, table, COUNTS_KEY, {"key": key, "counts": counts})


@lru_cache(maxsize=2)
def _renderer(method: TrainingMethod, path: str, settings: TrainSettings, variables: str) -> Any:
    """``variables`` as JSON, which can be a key of the cache."""
    return method.renderer(path, settings, json.loads(variables))


def counts_of_tokens(store: Store, path: str, key: str) -> TokenCounts | None:
    """The counts of the token file at ``path``, if it exists and was made with the same ``key``."""
    try:
        stored = read_parquet_footer(store, path, COUNTS_KEY).entry
    except FileNotFoundError:
        return None
    return msgspec.convert(stored["counts"], TokenCounts) if stored["key"] == key else None


def made_of(store: Store, path: str) -> str:
    """The mark of how the token file at ``path`` was made."""
    return read_parquet_footer(store, path, COUNTS_KEY).entry["key"]


def schema_of(method: TrainingMethod) -> pa.Schema:
    """Columns of the token files of a training by ``method``."""
    return pa.schema([*OUTCOME, *method.token_columns])


def tokenize_rows(
    rows: pa.Table, method: TrainingMethod, renderer: Any, settings: TrainSettings
) -> tuple[pa.Table, TokenCounts]:
    """``rows`` (columns that the method reads, and those of the condition ``settings.rows``) as a table of token rows,
    in the same order; ``renderer`` is the method's."""
    counts, reasons, out = TokenCounts(rows_in=rows.num_rows), Counter(), []
    missing = dict.fromkeys(name for name in method.columns(settings) if name not in rows.column_names)
    for row, taken in zip(rows.to_pylist(), filter_rows(rows, settings.rows), strict=True):
        made = _tokenize(row | missing, method, renderer, settings, taken)
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
    return pa.Table.from_pylist(out, schema_of(method)), counts


def _tokenize(row: dict, method: TrainingMethod, renderer: Any, settings: TrainSettings, taken: bool) -> Any:
    import jinja2

    refused = method.refusal(row, settings)
    if refused is not None or not taken:
        return UntrainableRow("rejected", refused or FILTERED_OUT)
    try:
        return method.tokenize(with_turn_weights(row), renderer, settings)
    except UnknownWeights as error:
        return UntrainableRow("rejected", str(error))
    except Misrendered as error:
        return UntrainableRow("failed", str(error))
    except jinja2.TemplateError as error:
        return UntrainableRow("failed", f"the chat template refuses the conversation: {error}")
