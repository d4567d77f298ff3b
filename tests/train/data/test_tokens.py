from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distilray.rows import CORE
from distilray.storage import Store
from distilray.train import SFTSettings, method_named
from distilray.train.data.chat import load_chat
from distilray.train.data.tokens import TokenCounts, tokenize_rows, tokenize_unit
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units


def settings(**changes: object) -> SFTSettings:
    return SFTSettings.model_validate({"student": "tiny", "epochs": 1, "max_length": 256, **changes})


def tokenized(student: str, made: list[dict], **changes: object) -> tuple[list[dict], TokenCounts]:
    chosen = settings(**changes)
    table = pa.Table.from_pylist(made, CORE)
    out, counts = tokenize_rows(table, method_named(chosen.kind), load_chat(student, chosen), chosen)
    return out.to_pylist(), counts


def test_every_row_that_comes_in_is_accounted_for(student: str) -> None:
    made = rows(20)
    made[3]["answer"] = None
    made[4]["answer"] = "1 plus " * 300
    out, counts = tokenized(student, made)
    assert [row["id"] for row in out] == [row["id"] for row in made]
    assert (counts.rows_in, counts.kept, counts.rejected, counts.failed) == (20, 18, 2, 0)
    assert counts.reasons == {"rejected: no answer": 1, "rejected: longer than max_length": 1}
    assert counts.reconciled()
    assert counts.tokens == sum(len(row["input_ids"]) for row in out if row["outcome"] == "kept")


def test_pairs_that_a_step_made_of_a_row_are_not_answers_to_learn(student: str) -> None:
    made = rows(3)
    made[1] |= {"parent": "tiny:0", "rejected_answer": "wrong"}  # a child of the first, which is trained on itself
    made[2] |= {"rejected_answer": "wrong"}  # a preference as a source had it: the chosen one is an answer
    out, counts = tokenized(student, made)
    assert [row["reason"] for row in out] == [None, "filtered by `rows`", None]
    assert counts.reconciled()


def test_a_recipe_may_say_which_rows_it_trains_on(student: str) -> None:
    out, counts = tokenized(student, rows(5), rows="id in ('tiny:1', 'tiny:3')")
    assert [row["id"] for row in out if row["outcome"] == "kept"] == ["tiny:1", "tiny:3"]
    assert counts.reasons == {"rejected: filtered by `rows`": 3}


def test_a_rejected_row_keeps_its_length_and_reason_but_no_tokens(student: str) -> None:
    made = rows(1)
    made[0]["answer"] = "1 plus " * 300
    (row,), _ = tokenized(student, made)
    assert row["outcome"] == "rejected"
    assert row["length"] > 256
    assert row["input_ids"] is None


def test_long_rows_are_cut_only_where_that_is_asked_for(student: str) -> None:
    made = rows(1)
    made[0]["answer"] = "1 plus " * 300
    (row,), counts = tokenized(student, made, long_rows="truncate")
    assert (row["outcome"], row["length"], len(row["input_ids"])) == ("kept", 256, 256)
    assert counts.truncated == 1


def test_a_row_whose_prompt_fills_the_length_has_nothing_to_train_on(student: str) -> None:
    made = rows(1)
    made[0]["messages"] = [{"role": "user", "content": "1 plus " * 300}]
    (row,), _ = tokenized(student, made, long_rows="truncate")
    assert (row["outcome"], row["reason"]) == ("rejected", "nothing to train on")


def test_a_row_without_reasoning_cannot_teach_thinking(student: str) -> None:
    made = rows(2)
    made[0]["reasoning"] = None
    out, counts = tokenized(student, made, think=True)
    assert [row["reason"] for row in out] == ["no reasoning", None]
    assert counts.reconciled()


def test_a_unit_that_is_there_is_not_made_again_unless_it_was_made_otherwise(student: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    (unit,) = write_units(store, rows(10))
    path = "training/sft/tokens/unit-000000.parquet"
    first = tokenize_unit(spec_of(store, settings(), student), unit, path, "key")
    written = Path(store.full(path)).stat().st_mtime_ns
    assert tokenize_unit(spec_of(store, settings(), student), unit, path, "key") == first
    assert Path(store.full(path)).stat().st_mtime_ns == written
    tokenize_unit(spec_of(store, settings(max_length=16), student), unit, path, "another key")
    assert Path(store.full(path)).stat().st_mtime_ns > written
    assert pq.read_table(store.full(path))["outcome"].to_pylist() == ["rejected"] * 10


@pytest.mark.parametrize("column", ["input_ids", "labels"])
def test_tokens_are_stored_as_32_bit_integers(student: str, tmp_path: Path, column: str) -> None:
    store = Store(tmp_path)
    (unit,) = write_units(store, rows(3))
    tokenize_unit(spec_of(store, settings(), student), unit, "tokens/unit-000000.parquet", "key")
    schema = pq.read_schema(store.full("tokens/unit-000000.parquet"))
    assert schema.field(column).type == pa.list_(pa.int32())
