"""What one task reads of a source: a file, or a part of a large one; it leaves a record when it has done so."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import ray

from distilray.ledger import StepCounts, UnitCounts, fingerprint, write_unit
from distilray.rows import position_of, schema_with
from distilray.runner.part_records import PartRecord, write_records
from distilray.runner.tasks import RESERVED
from distilray.sources import LineCount, LineRange, Part, Source, SourceCount, SourceFile, batches, count_part
from distilray.sources import split_file as split_parts
from distilray.storage import Store, resolve

BEGUN = "begun"
NOTED_EVERY_S = 30.0
"""How often a task notes how far it is with a part that takes long, as a large file that cannot be split does."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file (without its filesystem), or a part of it, and the beginning of the names of its units."""

    file: SourceFile
    part: Part | None
    label: str
    key: str

    @property
    def size(self) -> int:
        """Bytes, to share out work by."""
        return max(1, self.file.size if self.part is None else self.part.size)


class Begun(msgspec.Struct):
    """A part of which whole units have been written, up to the record at ``position``."""

    record: PartRecord
    position: int


@dataclass(frozen=True, slots=True)
class UnitForm:
    """What the units of all sources have in common."""

    rows: int
    """In one unit."""
    columns: Mapping[str, str]
    """Beyond the core."""


def part_key(identity: Sequence[object], part: Part | None, label: str, form: UnitForm) -> str:
    """A hash of everything that determines the units of a part; ``identity``: its file's."""
    return fingerprint([identity, part, label, form.rows, dict(form.columns)])


def without_filesystem(file: SourceFile) -> SourceFile:
    """``file`` as it travels to another process, which opens the filesystem itself, with its own credentials."""
    return replace(file, filesystem=None)


def _with_filesystem(source: Source, file: SourceFile) -> SourceFile:
    return file if source.path is None else replace(file, filesystem=resolve(source.path)[0])


@ray.remote(**RESERVED)
def split_file(source: Source, file: SourceFile, span: int) -> list[Part]:
    return split_parts(source, _with_filesystem(source, file), span)


@ray.remote(**RESERVED)
def count_lines(source: Source, file: SourceFile, part: LineRange) -> LineCount | None:
    return count_part(source, _with_filesystem(source, file), part)


@ray.remote(**RESERVED)
def read_parts(
    store: Store,
    directory: str,
    source: Source,
    parts: Sequence[FilePart],
    form: UnitForm,
    most: int | None,
    name: str,
) -> list[PartRecord]:
    """Writes the units of ``parts``, of each ``most`` rows at most, and then their records to the file ``name``."""
    begun = set(store.names(f"{directory}/{BEGUN}"))
    records = []
    for part in parts:
        place, before = f"{directory}/{BEGUN}/{part.label}.json", None
        if f"{part.label}.json" in begun:
            before = msgspec.json.decode(store.read(place), type=Begun)
            if before.record.key != part.key or (most is not None and before.record.rows > most):
                store.delete(place)  # before its units are written again
                before = None
        records.append(_read_part(store, directory, source, part, form, most, before))
    write_records(store, directory, name, records)
    return records


def _read_part(
    store: Store,
    directory: str,
    source: Source,
    part: FilePart,
    form: UnitForm,
    most: int | None,
    before: Begun | None = None,
) -> PartRecord:
    """``before``: what a task that was killed had written of the part."""
    before = before or Begun(PartRecord(part.key, part.label, [], StepCounts("sources"), {}, []), 0)
    record, schema = before.record, schema_with(form.columns)
    filled, read = set(record.columns), SourceCount(**record.read)
    file = _with_filesystem(source, part.file)
    left = None if most is None else most - record.rows
    noted = time.monotonic()
    for table in batches(source, file, form.rows, schema, left, read, part.part, before.position):
        counts = StepCounts("sources", rows_in=table.num_rows)
        for outcome, reason in zip(table["outcome"].to_pylist(), table["reason"].to_pylist(), strict=True):
            counts.count(outcome or "kept", reason and reason.split(" (", 1)[0])
        name = f"unit-{part.label}-{len(record.units):06d}"
        write_unit(store, f"{directory}/{name}.parquet", table, schema, UnitCounts(steps=[counts]))
        record.steps.add(counts)
        record.units.append(name)
        filled.update(column for column in table.column_names if table[column].null_count < table.num_rows)
        record.read, record.columns = read.to_json(), sorted(filled)
        if time.monotonic() - noted > NOTED_EVERY_S and table.num_rows == form.rows and read.balanced:
            position = position_of(table["id"][-1].as_py())
            store.write_json(f"{directory}/{BEGUN}/{part.label}.json", Begun(record, position))
            noted = time.monotonic()
    record.read = read.to_json()
    record.most = most if record.rows == most else None
    return record
