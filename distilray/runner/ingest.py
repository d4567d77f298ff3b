"""Sources become units: their files, and parts of large ones, are read on nodes with free capacity, and none through
the driver.

A unit's name says where it came from (source, file, part, position), and a record says which parts have been read. So
what was read before a kill, or before a file was added, is not read again; nor does a unit ever get another name. A
record that cannot be read is a ``failed`` row that names file and line.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from distilray.ledger import Manifest, StepCounts, UnitInput, now
from distilray.runner.context import Context
from distilray.runner.file_parts import BEGUN, UnitForm
from distilray.runner.package_versions import versions
from distilray.runner.part_records import PartRecord, PartRecords
from distilray.runner.source_reading import Reading, SourceReading
from distilray.runner.tasks import Tasks
from distilray.sources import SPAN, Source, SourceCount, SourceError, SourceFile, files_to_read
from distilray.storage import REQUESTS_AT_ONCE, Store

DIRECTORY = "steps/00-sources"
LABELS = "labels.json"


def run_sources(
    context: Context,
    sources: Sequence[Source],
    fingerprint: str,
    columns: Mapping[str, str],
    limit: int | None = None,
    directory: str = DIRECTORY,
    span: int = SPAN,
) -> list[tuple[str, UnitInput]]:
    """Reads ``sources`` into units below ``directory``; returns what the first stage reads, in order.

    ``limit`` is the most rows altogether, shared out evenly over the sources; ``span``: bytes of text in a part of a
    large file. Raises :class:`SourceError` for a source without a row.
    """
    store = context.store
    manifest = Manifest.read(store, directory)
    if manifest is None or manifest.fingerprint != fingerprint or not manifest.finished:
        before = manifest.seconds if manifest is not None and manifest.fingerprint == fingerprint else 0.0
        manifest = Manifest(
            name="sources", kind="sources", fingerprint=fingerprint, versions=versions(), started=now(), seconds=before
        )
        manifest.write(store, directory)
        started = time.monotonic()
        form = UnitForm(context.resources.rows_per_unit, dict(columns))
        _read(store, directory, sources, _shares(limit, len(sources)), form, span, manifest)
        manifest.seconds += time.monotonic() - started
        manifest.finished = now()
        manifest.write(store, directory)
    return [(name, UnitInput(f"{directory}/{name}.parquet", ())) for name in manifest.details["units"]]


def _read(
    store: Store,
    directory: str,
    sources: Sequence[Source],
    shares: Sequence[int | None],
    form: UnitForm,
    span: int,
    manifest: Manifest,
) -> None:
    """Reads what has not been read yet, and enters all into ``manifest``."""
    files = [files_to_read(source) for source in sources]
    labels = _labels(store, directory, sources, files)
    kept = PartRecords(store, directory)
    with ThreadPoolExecutor(len(sources)) as threads, Tasks() as tasks:
        reading = Reading(store, directory, form, tasks, span, kept)
        readings = [
            SourceReading(reading, source, files[k], labels[k], _least(shares[k], source.limit))
            for k, source in enumerate(sources)
        ]
        found = list(threads.map(SourceReading.read, readings))
    manifest.steps, manifest.units, manifest.details = [StepCounts("sources")], 0, {"units": [], "columns": []}
    for source, records in zip(sources, found, strict=True):
        for record in records:
            _enter(manifest, source, record)
        if not manifest.details.get("sources", {}).get(source.name, {}).get("kept"):
            raise SourceError(
                f"source {source.name!r}",
                "gave no usable row",
                f"Look at `distilray rows {store.typed} sources --outcome failed`, or correct `form` and `columns`",
            )
    _delete_others(store, directory, kept, [record for records in found for record in records])


def _enter(manifest: Manifest, source: Source, record: PartRecord) -> None:
    manifest.details["units"].extend(record.units)
    manifest.details["columns"] = sorted({*manifest.details["columns"], *record.columns})
    manifest.units += len(record.units)
    manifest.steps[0].add(record.steps)
    into = manifest.details.setdefault("sources", {}).setdefault(
        source.name,
        {"rows": 0, "kept": 0, "license": source.license, "from": source.path or source.uses} | SourceCount().to_json(),
    )
    into["kept"] += record.steps.kept
    for name, value in record.read.items():
        into[name] += value


def _delete_others(store: Store, directory: str, records: PartRecords, used: Sequence[PartRecord]) -> None:
    """Deletes the records and units of what does not belong to the sources any more: of files that have changed or are
    gone, and of what was read beyond a limit."""
    records.keep([record.label for record in used])
    units = {f"{name}.parquet" for record in used for name in record.units}
    others = [f"{BEGUN}/{name}" for name in store.names(f"{directory}/{BEGUN}")]
    others += [name for name in store.names(directory) if name.endswith(".parquet") and name not in units]
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        list(pool.map(lambda name: store.delete(f"{directory}/{name}"), others))


def _labels(
    store: Store, directory: str, sources: Sequence[Source], files: Sequence[Sequence[SourceFile]]
) -> list[list[str]]:
    """The numbers of every file and its source, such as ``00-0003``; once given they stay, wherever files are added."""
    path = f"{directory}/{LABELS}"
    given: dict[str, Any] = store.read_json(path) if store.exists(path) else {}
    found: list[list[str]] = []
    names: list[str] = []
    for source, listed in zip(sources, files, strict=True):
        names.append(source.name)
        own = f"{source.name}#{names.count(source.name)}"  # two sources may have one name
        entry = given.setdefault(own, {"number": len(given), "files": {}})
        for file in listed:
            entry["files"].setdefault(file.name, len(entry["files"]))
        found.append([f"{entry['number']:02d}-{entry['files'][file.name]:04d}" for file in listed])
    store.write_json(path, given)
    return found


def _least(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


def _shares(limit: int | None, sources: int) -> list[int | None]:
    if limit is None:
        return [None] * sources
    return [max(1, limit // sources + (k < limit % sources)) for k in range(sources)]
