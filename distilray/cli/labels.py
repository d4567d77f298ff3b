"""Let people label rows, and see how far they agree with the run's labels.

distilray labels runs/first classify_task --column task --write sheet.csv --rows 200
distilray labels runs/first classify_task --column task --read sheet.csv

The sheet has the rows' ids and texts and an empty column `label`; what the run says is not in it, so nobody is led.
Rows whose label stays empty do not count.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import json
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from math import sqrt
from pathlib import Path
from typing import Any

from distilray.api import step_tables
from distilray.cli.argtypes import row_count
from distilray.cli.exit_codes import UsageError
from distilray.cli.run_directory import existing_run
from distilray.errors import counted
from distilray.rows import Row
from distilray.storage import Store

FIELDS = ("id", "language", "text", "label")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="run directory")
    parser.add_argument("step", help="the step that labelled, such as classify_task, label or classify")
    parser.add_argument("--column", default="task", help="column of the labels (default task)")
    direction = parser.add_mutually_exclusive_group(required=True)
    direction.add_argument("--write", metavar="CSV", help="write a sheet for people")
    direction.add_argument("--read", metavar="CSV", help="read a sheet back and show the agreement")
    parser.add_argument("--rows", type=row_count, default=200, metavar="N", help="rows of the sheet (default 200)")
    parser.add_argument("--json", action="store_true", help="the agreement as JSON")


def call(options: argparse.Namespace) -> int:
    store = existing_run(options.run)
    if options.write:
        rows = drawn(store, options.step, options.column, options.rows)
        write_sheet(Path(options.write), rows)
        print(f"{options.write}: {counted(len(rows), 'row')}; fill in the column `label`, then give it to --read")
        return 0
    found = agreement(store, options.step, options.column, read_sheet(Path(options.read)))
    print(json.dumps(found, ensure_ascii=False) if options.json else shown(found, options.column))
    return 0


def rows_of(store: Store, step: str, column: str) -> Iterator[Row]:
    for table in step_tables(store, step, ["id", "language", "messages", column], "kept"):
        yield from (Row(values) for values in table.to_pylist() if values[column] is not None)


def drawn(store: Store, step: str, column: str, count: int) -> list[Row]:
    """A sample of the labelled rows, by a hash of the id: always the same, and no label is more likely than another."""

    def place(row: Row) -> bytes:
        return blake2b(f"{row.id}/sheet".encode(), digest_size=8).digest()

    found = heapq.nsmallest(count, rows_of(store, step, column), key=place)
    return list({row.id: row for row in found}.values())  # in a repeat a row comes once in every round


def write_sheet(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # spreadsheets need the mark to read Chinese
        sheet = csv.DictWriter(file, FIELDS)
        sheet.writeheader()
        for row in rows:
            text = "\n\n".join(f"[{turn['role']}] {turn['content']}" for turn in row.messages)
            sheet.writerow({"id": row.id, "language": row.language, "text": text, "label": ""})


def read_sheet(path: Path) -> dict[str, str]:
    """Row id to the label that was filled in."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file; `distilray labels ... --write {path}` makes one")
    with path.open(encoding="utf-8-sig", newline="") as file:
        sheet = csv.DictReader(file)
        if missing := {"id", "label"} - set(sheet.fieldnames or ()):
            raise UsageError(f"{path}: no column {sorted(missing)[0]!r}; keep the sheet's first line as it was written")
        return {row["id"]: row["label"].strip() for row in sheet if (row["label"] or "").strip()}


def agreement(store: Store, step: str, column: str, labels: dict[str, str]) -> dict[str, Any]:
    """``{"rows", "agreed", "share", "stderr", "confused": [[the run's label, theirs, rows], ...]}``, most first."""
    if not labels:
        raise UsageError("no label is filled in: write each row's label into the column `label`")
    given = {row.id: row[column] for row in rows_of(store, step, column) if row.id in labels}
    pairs = Counter((label, labels[row_id]) for row_id, label in given.items())
    if unknown := len(labels) - len(given):
        raise UsageError(f"{unknown} of {len(labels)} labelled rows are not among the rows of {step!r} in this run")
    agreed = sum(count for (ours, theirs), count in pairs.items() if ours == theirs)
    share = agreed / len(labels)
    apart = sorted(((*pair, count) for pair, count in pairs.items() if pair[0] != pair[1]), key=lambda row: -row[2])
    return {
        "rows": len(labels),
        "agreed": agreed,
        "share": share,
        "stderr": sqrt(share * (1 - share) / len(labels)),
        "confused": [list(row) for row in apart],
    }


def shown(found: dict[str, Any], column: str) -> str:
    lines = [f"{column}: {found['agreed']} of {found['rows']} agree, {found['share']:.1%} ± {found['stderr']:.1%}"]
    lines += [f"  {count:>5}  {ours}, people: {theirs}" for ours, theirs, count in found["confused"]]
    return "\n".join(lines)
