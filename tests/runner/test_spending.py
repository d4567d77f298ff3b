"""What a run has spent, whether its phases are done or not."""

from __future__ import annotations

import pytest

from distilray.ledger import Manifest, RecordWriter, read_counts
from distilray.runner import spent
from distilray.storage import Store
from tests.support.ledger_files import PHASE, unit, write_run


@pytest.mark.parametrize("finished", [True, False])
def test_replies_of_all_phases_count_finished_or_not(store: Store, finished: bool) -> None:
    write_run(store, units=3, rows=8, finished=finished)
    assert spent(store) == (3 * 20 * 8, 0.0)


def test_of_a_phase_at_work_records_are_read_in_place_of_footers(local_store: Store) -> None:
    write_run(local_store, units=3, rows=8, finished=False)
    units = {unit(k): f"{PHASE}/{unit(k)}.parquet" for k in range(3)}
    records = RecordWriter(local_store, PHASE, "runner")
    for name, counts in read_counts(local_store, PHASE, units).items():
        records.add(name, counts)
    records.flush()
    for path in units.values():
        local_store.write(path, b"no footer at all")
    assert spent(local_store) == (3 * 20 * 8, 0.0)


def test_stages_without_models_cost_nothing(local_store: Store) -> None:
    Manifest(name="sources", kind="sources", fingerprint="f").write(local_store, "steps/00-sources")
    assert spent(local_store) == (0, 0.0)
