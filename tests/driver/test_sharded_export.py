"""An export in several files, written side by side: the rows of one file, and after a kill only what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.driver.outputs import outputs
from distilray.driver.sharded_export import export_side_by_side
from distilray.driver.shards import divided
from distilray.export import Records, export
from distilray.ledger import UnitInput, kept_rows
from distilray.runner import Resources
from distilray.storage import Store

pytestmark = pytest.mark.slow
RECORDS = Records("messages", "jsonl")


@pytest.fixture
def shards(practice_run: Store) -> list[list[UnitInput]]:
    units = outputs(practice_run)
    return divided(practice_run, units, "jsonl", most=1)


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for path in sorted(folder.glob("data/*")) for line in path.read_text().splitlines()]


def test_files_hold_as_many_bytes_as_they_may(practice_run: Store, shards: list[list[UnitInput]]) -> None:
    units = outputs(practice_run)
    assert [unit for shard in shards for unit in shard] == units
    assert len(shards) == len(units) > 1
    assert divided(practice_run, units, "parquet") == [units]


def test_files_side_by_side_hold_the_rows_of_one(
    ray_cluster: None, practice_run: Store, shards: list[list[UnitInput]], tmp_path: Path
) -> None:
    units = outputs(practice_run)
    whole = export((kept_rows(practice_run, unit) for unit in units), "messages", str(tmp_path / "a"), format="jsonl")
    exported = export_side_by_side(practice_run, shards, RECORDS, str(tmp_path / "b"), Resources())
    assert lines(tmp_path / "b") == lines(tmp_path / "a")
    assert (exported.rows, exported.skipped, exported.sources) == (whole.rows, whole.skipped, whole.sources)
    assert exported.languages == whole.languages
    assert exported.files == sorted(f"data/{path.name}" for path in (tmp_path / "b" / "data").iterdir())
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["data"]


def test_after_a_kill_only_the_files_that_are_missing_are_written(
    ray_cluster: None,
    practice_run: Store,
    shards: list[list[UnitInput]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("distilray.driver.sharded_export.join_shards", killed)
        export_side_by_side(practice_run, shards, RECORDS, str(tmp_path), Resources())
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "data").iterdir()}
    (tmp_path / "data" / "train-00001.jsonl").unlink()
    [note] = (tmp_path / "_progress").glob("*/file-00001.json")
    note.unlink()
    export_side_by_side(practice_run, shards, RECORDS, str(tmp_path), Resources())
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "data").iterdir()}
    assert [name for name in after if after[name] != before[name]] == ["train-00001.jsonl"]
    assert set(after) == set(before)
