"""`distilray export`: rows with their card, the student, and what it refuses."""

import json
from pathlib import Path

import pytest

from distilray.export import EXPORT_FORMS, SCHEMES
from distilray.storage import Store
from tests.support.command_line import distilray
from tests.support.practice_run import write_practice_run


def test_the_choices_are_those_of_the_registries():
    text = " ".join(distilray("export", "--help").out.split())
    assert f"--form {{{','.join(EXPORT_FORMS)}}}" in text
    assert f"--compress {{{','.join(SCHEMES)}}}" in text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--out", "data", "--form", "poem"), "invalid choice: 'poem'"),
        (("--student", "--training", "dpo"), "no finished training 'dpo'"),
    ],
)
def test_what_cannot_be_exported_is_named(practice_run: Store, words: tuple[str, ...], text: str):
    ended = distilray("export", practice_run.base, *words)
    assert ended.code in (2, 3) and ended.out == ""
    assert text in ended.err


def test_kept_rows_are_written_with_a_card(practice_run: Store, tmp_path: Path):
    out = str(tmp_path / "data")
    ended = distilray("export", practice_run.base, "--out", out, "--format", "jsonl", "--system", "Add.")
    assert ended.code == 0, ended.err
    records = [json.loads(line) for line in (tmp_path / "data/data/train-00000.jsonl").read_text().splitlines()]
    assert ended.out == f"{len(records):,} rows in 1 file in {out} (0 left out)\n"
    kept = json.loads(distilray("status", practice_run.base, "--json").out)["steps"][-1]["kept"]
    assert len(records) == kept > 100
    assert [turn["role"] for turn in records[0]["messages"]] == ["system", "user", "assistant"]
    assert "practice" in (tmp_path / "data/README.md").read_text()


def test_without_a_folder_rows_go_into_the_run(practice_run: Store):
    ended = distilray("export", practice_run.base, "--form", "alpaca")
    assert ended.code == 0, ended.err
    assert f" in 1 file in {practice_run.base}/export/alpaca (" in ended.out
    assert practice_run.names("export/alpaca/data") == ["train-00000.parquet"]


def test_the_student_is_copied_and_never_over_what_is_there(tmp_path: Path):
    store = Store(tmp_path / "run")
    write_practice_run(store, units=1)
    store.write("training/sft/final/config.json", b"{}")
    out = str(tmp_path / "student")
    ended = distilray("export", store.base, "--student", "--out", out)
    assert (ended.code, ended.out) == (0, f"student in {out}\n")
    assert Path(out, "config.json").read_text() == "{}"
    again = distilray("export", store.base, "--student", "--out", out)
    assert again.code == 2 and out in again.err
