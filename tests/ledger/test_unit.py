"""Units carry rows and the counts of what became of them; kept_rows reads who is still in the game."""

import pyarrow as pa
import pytest

from distilray.ledger import StepCounts, UnitCounts, UnitInput, kept_rows, read_unit_counts, write_unit
from distilray.rows import Row, schema_with

SCHEMA = schema_with({"score": "int"})
DECISIONS = pa.schema([("id", pa.string()), ("outcome", pa.string()), ("reason", pa.string()), ("rank", pa.int64())])
UNIT = "steps/01-judge/unit-000000.parquet"
DECIDED = "steps/02-select/decisions/unit-000000.parquet"


def counts_of(**numbers):
    return UnitCounts([StepCounts("judge", **numbers)], runner="runner-0", engines={"engine-0": 4})


def write_four_rows(store):
    rows = [
        Row({"id": "a", "outcome": "kept", "score": 9}),
        Row({"id": "b", "outcome": "rejected", "reason": "dull", "score": 2}),
        Row({"id": "c", "outcome": "failed", "reason": "timed out"}),
        Row({"id": "d", "outcome": "kept", "score": 7}),
    ]
    write_unit(store, UNIT, rows, SCHEMA, counts_of(rows_in=4, kept=2, rejected=1, failed=1))


def write_decisions(store, path, decisions):
    counts = UnitCounts([StepCounts("select", rows_in=len(decisions))])
    write_unit(store, path, pa.Table.from_pylist(decisions, schema=DECISIONS), DECISIONS, counts)


def test_counts_come_back_from_the_footer(store):
    write_four_rows(store)
    counts = read_unit_counts(store, UNIT)
    assert counts == counts_of(rows_in=4, kept=2, rejected=1, failed=1)
    assert counts.steps[0].reconciled


def test_kept_rows_are_those_without_another_outcome(store):
    write_four_rows(store)
    assert kept_rows(store, UnitInput(UNIT), ["id", "score"]).to_pylist() == [
        {"id": "a", "score": 9},
        {"id": "d", "score": 7},
    ]


def test_rows_of_a_source_have_no_outcome_yet_and_are_kept(local_store):
    write_unit(local_store, UNIT, [{"id": "a"}, {"id": "b"}], SCHEMA, counts_of(rows_in=2, kept=2))
    assert kept_rows(local_store, UnitInput(UNIT))["id"].to_pylist() == ["a", "b"]


def test_decisions_in_any_order_reject_rows_and_add_columns(store):
    write_four_rows(store)
    write_decisions(store, DECIDED, [{"id": "d", "outcome": "kept", "rank": 1}, {"id": "a", "outcome": "rejected"}])
    table = kept_rows(store, UnitInput(UNIT, (DECIDED,)), ["id", "score", "rank"])
    assert table.to_pylist() == [{"id": "d", "score": 7, "rank": 1}]


def test_a_later_decision_adds_to_an_earlier_one(local_store):
    write_four_rows(local_store)
    later = "steps/03-thin/decisions/unit-000000.parquet"
    both = [{"id": "a", "outcome": "kept", "rank": 2}, {"id": "d", "outcome": "kept", "rank": 1}]
    write_decisions(local_store, DECIDED, both)
    write_decisions(local_store, later, [{"id": "d", "outcome": "rejected"}])
    table = kept_rows(local_store, UnitInput(UNIT, (DECIDED, later)), ["id"])
    assert table["id"].to_pylist() == ["a"]


def test_a_column_that_nobody_wrote_is_an_error(local_store):
    write_four_rows(local_store)
    with pytest.raises(KeyError, match="difficulty"):
        kept_rows(local_store, UnitInput(UNIT), ["difficulty"])


def test_a_value_that_does_not_fit_names_column_and_row(local_store):
    rows = [{"id": "a", "score": 1}, {"id": "b", "score": "high"}]
    with pytest.raises(ValueError, match=r"column 'score': row 'b' has 'high', the declared type is int64"):
        write_unit(local_store, UNIT, rows, SCHEMA, counts_of())
    assert not local_store.exists(UNIT)


def test_a_column_that_no_step_declares_is_an_error(local_store):
    with pytest.raises(ValueError, match="no step declares.*mood"):
        write_unit(local_store, UNIT, [{"id": "a", "mood": "fine"}], SCHEMA, counts_of())
