"""Labels of a classifier against those of a language model."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from distilray.ledger import Manifest, StageFiles, StepCounts, UnitCounts, write_unit
from distilray.report.page.page import render
from distilray.report.page.survey import Survey
from distilray.report.page.task_labels import task_labels
from distilray.rows import schema_with
from distilray.steps import STEPS
from distilray.storage import Store

PHASE = "steps/01-classify_task"


def surveyed(pairs: dict[tuple[str, str], int]) -> Survey:
    found = Survey(StageFiles(PHASE, None, {}), 1)
    found.labelled = Counter(pairs)
    return found


def test_agreement_and_confusion_are_counted() -> None:
    found = task_labels([
        surveyed({}),
        surveyed({("math", "math"): 70, ("math", "physics"): 8, ("math", "others"): 2, ("law", "law"): 20}),
    ])  # fmt: skip
    assert found is not None
    assert (found.rows, found.share) == (100, 0.9) and found.stderr == pytest.approx(0.03)
    maths, law = found.tasks
    assert (maths.task, maths.rows, maths.share) == ("math", 80, 0.875)
    assert maths.instead == [("physics", 8), ("others", 2)] and law.instead == []


def test_without_audited_rows_there_is_nothing_to_tell() -> None:
    assert task_labels([]) is None and task_labels([surveyed({})]) is None


def test_the_page_shows_it_from_the_rows(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    row: dict[str, Any] = {"language": "en", "messages": [{"role": "user", "content": "Why?"}], "outcome": "kept"}
    said = {"task": "math", "task_by": "classifier", "task_by_classifier": "math", "task_probability": 0.9}
    rows = [
        {**row, **said, "id": f"r{k}", "task_by_model": "math" if k else "law", "task_agreed": int(k > 0)}
        for k in range(4)
    ]
    rows.append({**row, **said, "id": "unseen"})  # not audited
    counts = UnitCounts([StepCounts("classify_task", rows_in=5, kept=5)])
    write_unit(store, f"{PHASE}/unit-00-0000-000000.parquet", rows, schema_with(STEPS["classify_task"].writes), counts)
    manifest = Manifest(name="01-classify_task", kind="phase", fingerprint="f")
    manifest.add(counts)
    manifest.write(store, PHASE)
    html = render(store)
    assert "over 4 audited rows: they agree on 75.0\xa0%" in html and "law 1" in html
