"""What the truth says of rows that stayed and of rows that left, in phases and in selections."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa

from distilray.ledger import Manifest, StepCounts, UnitCounts, list_stages, write_unit
from distilray.report.page.page import render
from distilray.report.page.truth import Truth, truths
from distilray.rows import schema_with
from distilray.storage import Store

PHASE, SELECT, UNIT = "steps/01-answer+check", "steps/02-select", "unit-00-0000-000000"
DECISION = pa.schema([("id", pa.string()), ("outcome", pa.string()), ("reason", pa.string()), ("rank", pa.int64())])


def row(number: int, right: bool | None, stopped: str | None = None, reason: str | None = None) -> dict[str, Any]:
    messages = [{"role": "user", "content": "2+2?"}]
    outcome = "kept" if stopped is None else "rejected"
    values = {"id": f"r{number}", "language": "en", "messages": messages, "outcome": outcome, "truth_right": right}
    return values | {"stopped_at": stopped, "reason": reason}


def write(store: Store, rows: list[dict[str, Any]], gone: set[str], columns: dict[str, str]) -> None:
    sources = Manifest(name="sources", kind="sources", fingerprint="f")
    sources.details["columns"] = sorted({"id", "messages", *columns})
    sources.write(store, "steps/00-sources")
    left = [r for r in rows if r["outcome"] == "kept"]
    checked = StepCounts("check", rows_in=len(rows), kept=len(left), rejected=len(rows) - len(left))
    counts = UnitCounts([StepCounts("answer", rows_in=len(rows), kept=len(rows)), checked])
    write_unit(store, f"{PHASE}/{UNIT}.parquet", rows, schema_with(columns), counts)
    decisions = [{"id": r["id"], "outcome": "rejected" if r["id"] in gone else "kept",
                  "reason": "difficulty below 1" if r["id"] in gone else None} for r in left]  # fmt: skip
    selected = UnitCounts([StepCounts("select", rows_in=len(left), kept=len(left) - len(gone), rejected=len(gone))])
    write_unit(store, f"{SELECT}/decisions/{UNIT}.parquet", decisions, DECISION, selected)
    for folder, kind, unit in ((PHASE, "phase", counts), (SELECT, "global", selected)):
        manifest = Manifest(name=folder[6:], kind=kind, fingerprint="f")  # type: ignore[arg-type]
        manifest.add(unit)
        manifest.write(store, folder)


def found(store: Store) -> list[Truth]:
    with ThreadPoolExecutor(2) as pool:
        return truths(store, list_stages(store), pool)


def test_right_answers_are_counted_where_rows_left_and_where_they_stayed(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "run"))
    rows = [row(0, False, "check", "wrong answer"), row(1, True, "check", "refusal"), row(2, None),
            *(row(k, k != 3) for k in range(3, 9))]  # fmt: skip
    write(store, rows, {"r2", "r3", "r4"}, {"truth_right": "bool"})
    assert found(store) == [
        Truth("check", "rejected", "refusal", 1, 1),
        Truth("check", "rejected", "wrong answer", 1, 0),
        Truth("check", "kept", "", 6, 5),  # one more whose truth nobody knows
        Truth("select", "rejected", "difficulty below 1", 2, 1),
        Truth("select", "kept", "", 4, 4),
    ]
    html = render(store)
    assert "What the truth says" in html and "difficulty below 1" in html


def test_a_run_whose_rows_carry_no_truth_says_nothing_of_it(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "run"))
    rows = [{name: value for name, value in row(k, None).items() if name != "truth_right"} for k in range(3)]
    write(store, rows, {"r1"}, {})
    assert found(store) == [] and 'id="truth"' not in render(store)
