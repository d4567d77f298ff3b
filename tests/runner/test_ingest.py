"""Sources become units on a real cluster: large files in parts, and nothing is read twice that has not changed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distilray.ledger import Manifest, UnitInput, fingerprint, kept_rows, reconcile
from distilray.runner import Context, run_sources, sources_identity
from distilray.runner.ingest import DIRECTORY
from distilray.sources import Source, SourceError, files_to_read, read_batches
from distilray.storage import Store
from tests.support.contexts import context_on

pytestmark = pytest.mark.slow
SPAN, UNIT_ROWS = 4000, 16


@pytest.fixture
def context(ray_cluster: None, tmp_path: Path) -> Iterator[Context]:
    with context_on(Store(tmp_path / "run"), UNIT_ROWS) as given:
        yield given


def ingest(context: Context, *sources: Source, limit: int | None = None, span: int = SPAN) -> list[str]:
    """The names of the units."""
    identity = fingerprint([sources_identity(sources, [files_to_read(source) for source in sources]), limit])
    return [name for name, _ in run_sources(context, sources, identity, {}, limit, span=span)]


def rows(context: Context, units: list[str]) -> list[dict[str, Any]]:
    paths = [context.store.full(f"{DIRECTORY}/{name}.parquet") for name in units]
    return pa.concat_tables([pq.read_table(path) for path in paths]).to_pylist()


def expected(source: Source) -> list[dict[str, Any]]:
    """The rows of all files, each read as a whole."""
    return pa.concat_tables(list(read_batches(source, 1000))).to_pylist()


def write_lines(path: Path, count: int, first: int = 0) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = [json.dumps({"instruction": f"{path.name} {k}", "output": "x" * (k % 90)}) for k in range(count)]
    lines[1:1] = ["", "{broken"]
    text = "\n".join(lines[first:]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def written(context: Context) -> dict[str, int]:
    """When each unit was written."""
    folder = Path(context.store.full(DIRECTORY))
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Files that are split: of JSON lines, of members and of row groups; and short ones."""
    folder = tmp_path / "data"
    write_lines(folder / "a.jsonl", 300)
    write_lines(folder / "b.jsonl", 5)
    write_lines(folder / "c.jsonl.gz", 150)
    with (folder / "c.jsonl.gz").open("ab") as file:
        for k in range(60):
            text = "".join(json.dumps({"instruction": f"member {k} {j}"}) + "\n" for j in range(40))
            file.write(gzip.compress(text.encode()))
    records = [{"instruction": f"group {k}", "output": f"{k:03d}" * 30} for k in range(400)]
    pq.write_table(pa.Table.from_pylist(records), folder / "d.parquet", row_group_size=50, compression="none")
    return Source(name="s", path=str(folder))


def test_rows_of_files_in_parts_are_those_of_whole_files_in_their_order(context: Context, source: Source) -> None:
    units = ingest(context, source)
    assert rows(context, units) == expected(source)
    labels = {name.rpartition("-")[0] for name in units}
    assert len([label for label in labels if label.startswith("unit-00-0000-")]) > 3  # parts of the first file
    assert "unit-00-0001" in labels  # a short file
    assert len([label for label in labels if label.startswith("unit-00-0002-")]) > 3
    assert len([label for label in labels if label.startswith("unit-00-0003-")]) > 3
    manifest = Manifest.read(context.store, DIRECTORY)
    assert manifest is not None and manifest.steps[0].failed == 3
    assert manifest.details["sources"]["s"]["rows"] == manifest.steps[0].rows_in == len(expected(source))
    assert reconcile(context.store, deep=True).ok


def test_a_file_that_is_not_split_has_the_units_that_it_always_had(context: Context, tmp_path: Path) -> None:
    write_lines(tmp_path / "data" / "a.jsonl", 30)
    units = ingest(context, Source(name="s", path=str(tmp_path / "data")), span=1 << 20)
    assert units == ["unit-00-0000-000000", "unit-00-0000-000001"]
    unit = UnitInput(f"{DIRECTORY}/{units[0]}.parquet")
    assert kept_rows(context.store, unit).num_rows == UNIT_ROWS - 1  # one is broken


def test_a_new_file_costs_only_itself_and_renames_nothing(context: Context, source: Source) -> None:
    units = ingest(context, source)
    before = written(context)
    write_lines(Path(str(source.path)) / "aa.jsonl", 20)  # before all but the first
    more = ingest(context, source)
    assert rows(context, more) == expected(source)
    assert [name for name in more if name in units] == units
    after = written(context)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"unit-00-0004-000000.parquet", "unit-00-0004-000001.parquet"}


def test_a_file_that_changed_is_read_again_and_one_that_is_gone_leaves_nothing(
    context: Context, source: Source
) -> None:
    ingest(context, source)
    before = written(context)
    write_lines(Path(str(source.path)) / "b.jsonl", 2)
    (Path(str(source.path)) / "d.parquet").unlink()
    units = ingest(context, source)
    assert rows(context, units) == expected(source)
    after = written(context)
    assert set(after) == {f"{name}.parquet" for name in units}
    assert [name for name in after if after[name] != before[name]] == ["unit-00-0001-000000.parquet"]
    assert reconcile(context.store, deep=True).ok


def test_what_was_read_before_a_kill_is_not_read_again(context: Context, source: Source) -> None:
    units = ingest(context, source)
    manifest = Manifest.read(context.store, DIRECTORY)
    assert manifest is not None
    manifest.finished, manifest.details = None, {}  # as a driver that is killed before the end leaves it
    manifest.write(context.store, DIRECTORY)
    before = written(context)
    for path in Path(context.store.full(DIRECTORY)).glob("unit-00-0002-*.parquet"):
        path.unlink()
    for path in Path(context.store.full(f"{DIRECTORY}/parts")).iterdir():
        if "unit-00-0002-" in path.read_text():
            path.unlink()
    assert ingest(context, source) == units
    after = written(context)
    again = {name for name in before if after[name] != before[name]}
    assert again >= {f"{name}.parquet" for name in units if name.startswith("unit-00-0002-")}
    assert not [name for name in again if name.startswith(("unit-00-0000-", "unit-00-0003-"))]
    assert rows(context, units) == expected(source)


@pytest.mark.parametrize("limit", [1, 40, 301, 303, 900, 10**6])
def test_a_limit_ends_the_rows_where_it_would_in_one_pass(context: Context, source: Source, limit: int) -> None:
    units = ingest(context, source, limit=limit)
    assert rows(context, units) == expected(source)[:limit]
    assert set(written(context)) == {f"{name}.parquet" for name in units}
    assert rows(context, ingest(context, source)) == expected(source)  # and what was read can be read on


def test_limits_that_change_leave_only_records_whose_units_are_there(context: Context, source: Source) -> None:
    for limit in (900, 303, None, 302, 900, 40, None):
        units = ingest(context, source, limit=limit)
        assert rows(context, units) == expected(source)[:limit]
        parts = Path(context.store.full(f"{DIRECTORY}/parts"))
        named = [name for path in parts.iterdir() for one in json.loads(path.read_text()) for name in one["units"]]
        assert sorted(named) == sorted(units)


def test_a_small_limit_reads_little_of_a_large_file(context: Context, source: Source, tmp_path: Path) -> None:
    ingest(context, Source(name="s", path=f"{source.path}/a.jsonl"), limit=10)
    [split] = (tmp_path / "run" / DIRECTORY / "splits").iterdir()
    known = json.loads(split.read_text())
    assert len(known["counts"]) == 1 and len(known["parts"]) > 3


def test_sources_share_a_limit_and_keep_their_own(context: Context, source: Source) -> None:
    other = Source(name="t", path=f"{source.path}/a.jsonl", limit=7)
    units = ingest(context, source, other, limit=100)
    assert rows(context, units) == [*expected(source)[:50], *expected(other)]


def test_a_function_is_a_source_as_files_are(context: Context) -> None:
    source = Source(name="f", uses="json:loads", with_={"s": '[{"question": "a"}, {"question": "b"}]'})
    assert [row["id"] for row in rows(context, ingest(context, source))] == ["f/loads:1", "f/loads:2"]


def test_a_source_without_a_usable_row_is_an_error(context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"nothing": 1}\n')
    with pytest.raises(SourceError, match="source 's': gave no usable row"):
        ingest(context, Source(name="s", path=str(tmp_path / "a.jsonl")))
