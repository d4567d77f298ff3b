"""What units came to is read from few records; their own footers are read only where a kill swallowed these."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.ledger import RECORDS, RecordWriter, StepCounts, UnitCounts, read_counts, write_unit
from distilray.ledger.records import UNITS_PER_RECORD
from distilray.rows import schema_with
from distilray.storage import Store

STAGE = "steps/01-answer"


def counts(kept: int) -> UnitCounts:
    usage = {"teacher": {"requests": kept, "replies": kept, "tokens_in": 9 * kept, "tokens_out": kept, "cost": 0.5}}
    return UnitCounts([StepCounts("answer", rows_in=kept, kept=kept)], usage, "runner", {"teacher/0": kept}, 1.5)


def path(unit: str) -> str:
    return f"{STAGE}/{unit}.parquet"


def publish(store: Store, unit: str, kept: int) -> None:
    rows = [{"id": f"{unit}-{k}", "outcome": "kept"} for k in range(kept)]
    write_unit(store, path(unit), rows, schema_with({}), counts(kept))


def test_counts_come_from_records_and_no_footer_is_read(store: Store) -> None:
    records = RecordWriter(store, STAGE, "runner")
    for number in range(3):
        store.write(path(f"u{number}"), b"no footer at all")
        records.add(f"u{number}", counts(number))
    assert records.flush() == ["u0", "u1", "u2"]
    assert store.names(f"{STAGE}/{RECORDS}") == ["runner-0000.json"]
    found = read_counts(store, STAGE, {name: path(name) for name in ("u2", "u0")})
    assert found == {"u2": counts(2), "u0": counts(0)} and list(found) == ["u2", "u0"]


def test_units_without_a_record_are_counted_from_their_footers(store: Store) -> None:
    """As a kill leaves them, and as runs that know no records have them."""
    for number in range(4):
        publish(store, f"u{number}", number)
    records = RecordWriter(store, STAGE, "runner")
    records.add("u1", counts(100))
    records.flush()
    records.add("u2", counts(100))  # killed before the next flush
    found = read_counts(store, STAGE, {f"u{k}": path(f"u{k}") for k in range(4)})
    assert [found[f"u{k}"].steps[0].kept for k in range(4)] == [0, 100, 2, 3]


def test_a_record_without_its_file_counts_for_nothing(store: Store) -> None:
    records = RecordWriter(store, STAGE, "runner")
    records.add("deleted", counts(5))
    records.flush()
    assert read_counts(store, STAGE, {}) == {}


def test_a_runner_writes_one_file_again_until_it_is_full(local_store: Store) -> None:
    records = RecordWriter(local_store, STAGE, "runner")
    assert records.flush() == []
    for number in range(UNITS_PER_RECORD):
        records.add(f"u{number}", counts(1))
        if number % 100 == 0:
            records.flush()
    records.flush()
    assert local_store.names(f"{STAGE}/{RECORDS}") == ["runner-0000.json"]
    records.add("one more", counts(2))
    records.flush()
    assert local_store.names(f"{STAGE}/{RECORDS}") == ["runner-0000.json", "runner-0001.json"]
    units = {name: path(name) for name in ("one more", *(f"u{k}" for k in range(UNITS_PER_RECORD)))}
    assert sum(found.steps[0].kept for found in read_counts(local_store, STAGE, units).values()) == UNITS_PER_RECORD + 2


def test_of_a_unit_that_two_runners_published_the_later_record_holds(local_store: Store) -> None:
    for runner, kept in (("b", 1), ("a", 2)):
        records = RecordWriter(local_store, STAGE, runner)
        records.add("u", counts(kept))
        records.flush()
    assert read_counts(local_store, STAGE, {"u": path("u")})["u"].steps[0].kept == 2


def test_a_record_that_could_not_be_written_is_written_with_the_next(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    store.write(f"{STAGE}/{RECORDS}", b"a file where the folder should be")
    records = RecordWriter(store, STAGE, "runner")
    records.add("u", counts(1))
    with pytest.raises(OSError):
        records.flush()
    store.delete(f"{STAGE}/{RECORDS}")
    records.add("v", counts(2))
    assert records.flush() == ["u", "v"]


def test_a_damaged_record_is_named_with_its_remedy(local_store: Store) -> None:
    local_store.write(f"{STAGE}/{RECORDS}/runner-0000.json", b"[[1]]")
    with pytest.raises(ValueError, match=r"records/runner-0000\.json.*delete it"):
        read_counts(local_store, STAGE, {"u": path("u")})
