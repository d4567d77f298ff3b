"""Sources become units: every file is read on a node with free capacity, record by record, and none through the driver.

A unit's name says where it came from (source, file, position), so that a half-read file is read again into the same
units. A record that cannot be read is a ``failed`` row that names file and line.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec
import ray

from distilray.ledger import Manifest, StepCounts, UnitCounts, UnitInput, now, open_stage, write_unit
from distilray.rows import schema_with
from distilray.runner.context import Context
from distilray.runner.package_versions import versions
from distilray.sources import Source, SourceCount, SourceError, SourceFile, batches, files_to_read
from distilray.storage import Store

DIRECTORY = "steps/00-sources"


def run_sources(
    context: Context,
    sources: Sequence[Source],
    fingerprint: str,
    columns: Mapping[str, str],
    limit: int | None = None,
    directory: str = DIRECTORY,
) -> list[tuple[str, UnitInput]]:
    """Reads ``sources`` into units below ``directory``; returns what the first stage reads, in order.

    ``limit`` is the most rows altogether, shared out evenly over the sources. Raises :class:`SourceError` for a source
    without a row.
    """
    store = context.store
    manifest, _ = open_stage(
        store,
        directory,
        Manifest(name="sources", kind="sources", fingerprint=fingerprint, versions=versions()),
    )
    if not manifest.finished:
        started = time.monotonic()
        shares = _shares(limit, len(sources))
        parts = [
            _read.remote(store, directory, source, k, share, context.resources.rows_per_unit, dict(columns))
            for k, (source, share) in enumerate(zip(sources, shares, strict=True))
        ]
        manifest.steps, manifest.units = [StepCounts("sources")], 0
        for source, part in zip(sources, parts, strict=True):
            for units, counts in ray.get(part):
                manifest.details.setdefault("units", []).extend(units)
                manifest.units += len(units)
                manifest.steps[0].add(StepCounts.from_json(counts["steps"]))
                _count_source(manifest, source, counts)
                manifest.details["columns"] = sorted({*manifest.details.get("columns", ()), *counts["columns"]})
            if not manifest.details["sources"].get(source.name, {}).get("kept"):
                raise SourceError(
                    f"source {source.name!r}",
                    "gave no usable row",
                    f"Look at `distilray rows {store.typed} sources --outcome failed`, or correct `form` and `columns`",
                )
        manifest.seconds += time.monotonic() - started
        manifest.finished = now()
        manifest.write(store, directory)
    return [(name, UnitInput(f"{directory}/{name}.parquet", ())) for name in manifest.details["units"]]


def _count_source(manifest: Manifest, source: Source, counts: dict) -> None:
    into = manifest.details.setdefault("sources", {}).setdefault(
        source.name,
        {"rows": 0, "kept": 0, "license": source.license, "from": source.path or source.uses} | SourceCount().to_json(),
    )
    into["kept"] += counts["steps"]["kept"]
    for name, value in counts["read"].items():
        into[name] += value


def _shares(limit: int | None, sources: int) -> list[int | None]:
    if limit is None:
        return [None] * sources
    return [max(1, limit // sources + (k < limit % sources)) for k in range(sources)]


@ray.remote(num_cpus=0.5, max_retries=3)
def _read(
    store: Store,
    directory: str,
    source: Source,
    number: int,
    share: int | None,
    unit_rows: int,
    columns: dict[str, str],
) -> list[tuple[list[str], dict]]:
    """Reads one source, its files side by side unless a limit makes them wait for each other."""
    files = files_to_read(source)
    most = min((n for n in (share, source.limit) if n is not None), default=None)
    if most is None:
        return ray.get(
            [_read_file.remote(store, directory, source, number, k, unit_rows, columns) for k in range(len(files))]
        )
    done, left = [], most
    for k in range(len(files)):
        if left <= 0:
            break
        units, counts = _units_of(store, directory, source, files[k], f"{number:02d}-{k:04d}", unit_rows, columns, left)
        done.append((units, counts))
        left -= counts["steps"]["rows_in"]
    return done


@ray.remote(num_cpus=0.25, max_retries=3)
def _read_file(
    store: Store, directory: str, source: Source, number: int, k: int, unit_rows: int, columns: dict[str, str]
) -> tuple[list[str], dict]:
    files = files_to_read(source)
    return _units_of(store, directory, source, files[k], f"{number:02d}-{k:04d}", unit_rows, columns, None)


def _units_of(
    store: Store,
    directory: str,
    source: Source,
    file: SourceFile,
    label: str,
    unit_rows: int,
    columns: dict[str, str],
    most: int | None,
) -> tuple[list[str], dict]:
    schema = schema_with(columns)
    names: list[str] = []
    filled: set[str] = set()
    total = StepCounts("sources")
    read = SourceCount()
    for k, table in enumerate(batches(source, file, unit_rows, schema, most, read)):
        counts = StepCounts("sources", rows_in=table.num_rows)
        for outcome, reason in zip(table["outcome"].to_pylist(), table["reason"].to_pylist(), strict=True):
            counts.count(outcome or "kept", reason and reason.split(" (", 1)[0])
        name = f"unit-{label}-{k:06d}"
        write_unit(store, f"{directory}/{name}.parquet", table, schema, UnitCounts(steps=[counts]))
        total.add(counts)
        names.append(name)
        filled.update(column for column in table.column_names if table[column].null_count < table.num_rows)
    return names, {"steps": msgspec.to_builtins(total), "read": read.to_json(), "columns": sorted(filled)}
