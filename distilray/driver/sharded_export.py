"""The export of more rows than fit into one file: its files are written side by side, on a cluster.

What a file holds is noted in ``_progress`` in the export's folder, so that an export that was killed goes on with the
files that are missing; the folder is deleted at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ray

from distilray.driver.shards import has_marks
from distilray.export import Exported, Records, export_shard, join_shards
from distilray.ledger import UnitInput, fingerprint, kept_rows
from distilray.runner import RESERVED, Resources, Tasks, cluster
from distilray.storage import Store, absolute

PROGRESS = "_progress"


def export_side_by_side(
    store: Store, shards: Sequence[Sequence[UnitInput]], records: Records, out: str, resources: Resources
) -> Exported:
    """Writes each of ``shards`` to a file of its own. Turns get weights where a row is marked, whatever ``records``
    says."""
    out = absolute(out)  # workers run in other directories
    with cluster(resources), Tasks() as tasks:
        marked = any(tasks.map(_has_marks, [(store, shard) for shard in shards]))
        records = replace(records, weights=marked)
        key = fingerprint([[[unit.path, unit.decisions] for unit in shard] for shard in shards] + [_json(records)])
        progress, target = f"{PROGRESS}/{key}", Store(out)
        done = {name: target.read_json(f"{progress}/{name}") for name in target.names(progress)}
        calls = [
            (store, shard, records, out, number, f"{progress}/{_name(number)}")
            for number, shard in enumerate(shards)
            if _name(number) not in done
        ]
        for (_, _, _, _, number, _), noted in zip(calls, tasks.map(_export, calls), strict=True):
            done[_name(number)] = noted
    parts = [_exported(done[_name(number)], records) for number in range(len(shards))]
    exported = join_shards(parts, records, out)
    target.delete_dir(PROGRESS)
    return exported


@ray.remote(**RESERVED)
def _export(
    store: Store, units: Sequence[UnitInput], records: Records, out: str, number: int, note: str
) -> dict[str, Any]:
    exported = export_shard((kept_rows(store, unit) for unit in units), records, out, number)
    counters = {name: dict(getattr(exported, name)) for name in ("skipped", "sources", "languages")}
    noted = {"files": exported.files, "rows": exported.rows, **counters}
    Store(out).write_json(note, noted)
    return noted


@ray.remote(**RESERVED)
def _has_marks(store: Store, units: Sequence[UnitInput]) -> bool:
    return any(has_marks(store, unit) for unit in units)


def _exported(noted: dict[str, Any], records: Records) -> Exported:
    counters = {name: Counter(noted[name]) for name in ("skipped", "sources", "languages")}
    return Exported(records.form, records.format, noted["files"], noted["rows"], **counters, weights=records.weights)


def _json(records: Records) -> list[Any]:
    return [records.form, records.format, records.system, records.think, records.columns, records.weights]


def _name(number: int) -> str:
    return f"file-{number:05d}.json"
