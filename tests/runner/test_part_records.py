"""Records of what was read: no longer there once their units are to be written again."""

from __future__ import annotations

from distilray.ledger import StepCounts
from distilray.runner.part_records import PARTS, PartRecord, PartRecords, write_records
from distilray.storage import Store

FOLDER = "steps/00-sources"


def record(label: str, key: str = "key", rows: int = 5) -> PartRecord:
    return PartRecord(key, label, [f"unit-{label}-000000"], StepCounts("sources", rows_in=rows, kept=rows), {}, ["id"])


def test_a_record_is_that_of_its_part_as_long_as_the_key_is_the_same(local_store: Store) -> None:
    write_records(local_store, FOLDER, "a.json", [record("00-0000"), record("00-0001", "other")])
    records = PartRecords(local_store, FOLDER)
    assert records.get("00-0000", "key") == record("00-0000")
    assert records.get("00-0001", "key") is None and records.get("00-0002", "key") is None


def test_what_is_forgotten_is_forgotten_in_the_store_and_its_neighbours_stay(store: Store) -> None:
    write_records(store, FOLDER, "a.json", [record("00-0000"), record("00-0001")])
    write_records(store, FOLDER, "b.json", [record("00-0002")])
    PartRecords(store, FOLDER).forget(["00-0001", "00-0002", "00-0009"])
    assert store.names(f"{FOLDER}/{PARTS}") == ["a.json"]
    again = PartRecords(store, FOLDER)
    assert again.get("00-0000", "key") == record("00-0000")
    assert again.get("00-0001", "key") is None and again.get("00-0002", "key") is None


def test_what_a_task_wrote_since_can_be_forgotten_too(local_store: Store) -> None:
    records = PartRecords(local_store, FOLDER)
    for name, found in (("a.json", [record("00-0000", rows=3)]), ("b.json", [record("00-0001")])):
        write_records(local_store, FOLDER, name, found)
        records.add(name, found)
    records.keep(["00-0001"])
    assert local_store.names(f"{FOLDER}/{PARTS}") == ["b.json"]
    assert records.get("00-0000", "key") is None
