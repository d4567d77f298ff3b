from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from distilray.storage import Store, read_parquet, read_parquet_footer, write_parquet

KEY = "test.entry"


class Counts(msgspec.Struct):
    kept: int


def test_a_table_comes_back_as_it_was_written_with_the_entry_in_its_footer(tmp_path: Path) -> None:
    store = Store(tmp_path)
    table = pa.table({"id": ["a", "b"], "log_probs": [[-0.5], []]})
    write_parquet(store, "deep/down/unit.parquet", table, KEY, Counts(kept=2))
    assert read_parquet(store, "deep/down/unit.parquet").equals(table)
    footer = read_parquet_footer(store, "deep/down/unit.parquet", KEY)
    assert (footer.rows, footer.entry, footer.as_type(Counts)) == (2, {"kept": 2}, Counts(2))
    assert store.names("deep/down") == ["unit.parquet"]  # nothing is left of the way there


def test_only_the_columns_that_are_asked_for_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_parquet(store, "unit.parquet", pa.table({"a": [1], "b": [2], "c": [3]}), KEY, {})
    assert read_parquet(store, "unit.parquet", {"c", "a", "not there"}).column_names == ["a", "c"]


def test_a_file_or_an_entry_that_is_not_there_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_parquet_footer(store, "unit.parquet", KEY)
    write_parquet(store, "unit.parquet", pa.table({"a": [1]}), KEY, {})
    with pytest.raises(KeyError, match="another"):
        read_parquet_footer(store, "unit.parquet", "another")
