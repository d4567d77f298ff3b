"""`distilray labels`: a sheet for people, and how far they agree with the run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from distilray.storage import Store
from tests.support.command_line import distilray

STEP, COLUMN = "answer", "language"  # what the practice run has of every row


def sheet(run: Store, path: Path, rows: int = 40) -> list[dict[str, str]]:
    ended = distilray("labels", run.base, STEP, "--column", COLUMN, "--write", str(path), "--rows", str(rows))
    assert ended.code == 0, ended.err
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def filled(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def read(run: Store, path: Path, *words: str):
    return distilray("labels", run.base, STEP, "--column", COLUMN, "--read", str(path), *words)


def test_the_sheet_has_texts_and_no_labels_and_is_drawn_alike(practice_run: Store, tmp_path: Path) -> None:
    rows = sheet(practice_run, tmp_path / "a.csv")
    assert len(rows) == 40 == len({row["id"] for row in rows})
    assert {row["label"] for row in rows} == {""} and all(row["text"].startswith("[user] ") for row in rows)
    assert rows == sheet(practice_run, tmp_path / "b.csv")
    assert rows[:10] == sheet(practice_run, tmp_path / "c.csv", 10)


def test_the_agreement_comes_with_its_error_and_what_is_confused(practice_run: Store, tmp_path: Path) -> None:
    rows = sheet(practice_run, tmp_path / "a.csv")
    for k, row in enumerate(rows):
        row["label"] = "fr" if k < 4 else row["language"] if k < 36 else ""
    filled(tmp_path / "a.csv", rows)
    found = json.loads(read(practice_run, tmp_path / "a.csv", "--json").out)
    assert (found["rows"], found["agreed"]) == (36, 32)
    assert found["share"] == pytest.approx(32 / 36) and found["stderr"] == pytest.approx(0.0524, abs=1e-4)
    assert sum(count for *_, count in found["confused"]) == 4
    assert {theirs for _, theirs, _ in found["confused"]} == {"fr"}
    assert "language: 32 of 36 agree, 88.9% ± 5.2%" in read(practice_run, tmp_path / "a.csv").out


def test_a_sheet_that_cannot_be_read_says_why(practice_run: Store, tmp_path: Path) -> None:
    rows = sheet(practice_run, tmp_path / "a.csv", 3)
    assert "no label is filled in" in read(practice_run, tmp_path / "a.csv").err
    filled(tmp_path / "a.csv", [{**rows[0], "id": "elsewhere:1", "label": "en"}])
    assert "1 of 1 labelled rows are not among the rows of 'answer'" in read(practice_run, tmp_path / "a.csv").err
    filled(tmp_path / "a.csv", [{"id": rows[0]["id"], "said": "en"}])
    assert "no column 'label'" in read(practice_run, tmp_path / "a.csv").err
    ended = read(practice_run, tmp_path / "none.csv")
    assert ended.code == 2 and "no such file" in ended.err


def test_a_column_that_is_not_there_names_those_that_are(practice_run: Store, tmp_path: Path) -> None:
    ended = distilray("labels", practice_run.base, STEP, "--column", "mood", "--write", str(tmp_path / "a.csv"))
    assert ended.code == 2 and "has no column 'mood'; its columns: " in ended.err
