"""Records become rows in the core schema; what a source says about itself shapes them."""

import json

import pyarrow as pa
import pytest

from distilray.rows import CORE, schema_with
from distilray.sources import Source, SourceError, batches, check_source, list_files, read_batches, rows_of

SOLUTION = "Each of 2 and 3 counts.\n2 + 3 = 5\n#### 5"


def rows(tmp_path, *records, **settings):
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(record) for record in records))
    source = Source(name="s", path=str(tmp_path / "a.jsonl"), **settings)
    return [row for file in list_files(source) for row in rows_of(source, file)]


def test_columns_are_renamed_before_forms_are_recognised(tmp_path):
    (row,) = rows(
        tmp_path,
        {"input": "2 + 3?", "golden": 5, "grade": 1},
        columns={"instruction": "input", "reference": "golden"},
    )
    assert row["messages"] == [{"role": "user", "content": "2 + 3?"}]
    assert (row["reference"], row["answer"], json.loads(row["extra"])) == ("5", None, {"grade": 1})


def test_a_column_that_a_record_lacks_is_named(tmp_path):
    (row,) = rows(tmp_path, {"input": "2 + 3?", "gold": 5}, columns={"reference": "golden"})
    assert row["reason"] == "malformed: no column 'golden'; a.jsonl:1"


def test_a_renamed_column_wins_over_one_that_bears_its_name(tmp_path):
    record = {"instruction": "translate", "text": "2 + 3?", "answer": "five", "output": "5"}
    (row,) = rows(tmp_path, record, columns={"instruction": "text", "answer": "answer"})
    assert (row["messages"][0]["content"], row["answer"]) == ("2 + 3?", "five")
    assert json.loads(row["extra"]) == {"instruction_": "translate", "output_": "5"}


def test_the_reference_is_found_in_the_answer(tmp_path):
    good, bad = rows(
        tmp_path,
        {"question": "2 + 3?", "answer": SOLUTION},
        {"question": "2 + 3?", "answer": "5"},
        reference_pattern="#### (.+)$",
    )
    assert (good["reference"], good["answer"]) == ("5", SOLUTION)
    assert bad["reason"] == "malformed: reference_pattern is not found; a.jsonl:2"


def test_answers_are_dropped_once_the_reference_is_taken(tmp_path):
    (row,) = rows(
        tmp_path,
        {"question": "2 + 3?", "answer": SOLUTION},
        reference_pattern="#### (.+)$",
        answers="drop",
    )
    assert (row["reference"], row["answer"], row["reasoning"]) == ("5", None, None)


def test_a_worked_solution_is_parted_into_trace_and_answer(tmp_path):
    good, bad = rows(
        tmp_path,
        {"question": "2 + 3?", "answer": SOLUTION},
        {"question": "2 + 3?", "answer": "5"},
        form="trace",
        trace_pattern=r"(?s)(?P<reasoning>.+)\n#### (?P<answer>.+)",
    )
    assert (good["reasoning"], good["answer"]) == ("Each of 2 and 3 counts.\n2 + 3 = 5", "5")
    assert bad["reason"] == "malformed: trace_pattern does not match; a.jsonl:2"


def test_a_worked_solution_beside_the_final_answer_is_the_answer(tmp_path):
    (row,) = rows(tmp_path, {"problem": "2 + 3?", "solution": "2 + 3 = 5", "answer": "5"})
    assert (row["answer"], row["reference"]) == ("2 + 3 = 5", "5")


def test_kept_columns_have_their_type(tmp_path):
    good, bad = rows(
        tmp_path,
        {"question": "a", "level": 3, "share": 1},
        {"question": "a", "level": "three"},
        keep={"level": "int", "share": "float"},
    )
    assert (good["level"], good["share"]) == (3, 1.0)
    assert bad["reason"] == "malformed: level is not of type int; a.jsonl:2"


def test_language_and_task_come_from_the_source_the_record_or_a_guess(tmp_path):
    records = [{"question": "你好"}, {"question": "hi", "language": "zh-CN", "task": "chat"}]
    assert [(row["language"], row["task"]) for row in rows(tmp_path, *records)] == [("zh", None), ("zh", "chat")]
    given = rows(tmp_path, *records, language="fr", task="math")
    assert [(row["language"], row["task"]) for row in given] == [("fr", "math")] * 2


def test_system_prompts_can_be_left_out(tmp_path):
    (row,) = rows(tmp_path, {"question": "a", "system": "Be brief."}, system="drop")
    assert row["messages"] == [{"role": "user", "content": "a"}]


def test_half_a_surrogate_pair_spoils_only_its_row(tmp_path):
    source = Source(name="s", uses="json:loads", with_={"s": '[{"question": "\\ud800"}, {"question": "a"}]'})
    bad, good = read(source)
    assert "surrogate" in bad["reason"]
    assert good["outcome"] is None


def read(source, size=256, schema=None):
    tables = list(read_batches(source, size, schema))
    return pa.concat_tables(tables).to_pylist() if tables else []


@pytest.fixture
def two_files(tmp_path):
    for name, text in (("a", ["one", "two", ""]), ("b", ["four", "five"])):
        lines = [json.dumps({"instruction": line, "output": line.upper()}) for line in text]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    return Source(name="s", path=str(tmp_path))


def test_batches_have_the_core_schema_and_every_record(two_files):
    tables = list(read_batches(two_files, 2))
    assert [table.num_rows for table in tables] == [2, 1, 2]
    assert all(table.schema == schema_with({}) for table in tables)
    assert pa.concat_tables(tables)["outcome"].to_pylist() == [None, None, "failed", None, None]


def test_batches_say_the_same_as_rows(two_files):
    rows = [row for file in list_files(two_files) for row in rows_of(two_files, file)]
    assert read(two_files) == [{name: row.get(name) for name in CORE.names} for row in rows]


def test_batches_take_columns_that_another_source_has(two_files):
    assert {row["level"] for row in read(two_files, schema=schema_with({"level": "int"}))} == {None}


@pytest.mark.parametrize("limit", [1, 3, 4, 9])
def test_a_limit_counts_over_files(two_files, limit):
    limited = two_files.model_copy(update={"limit": limit})
    assert read(limited, 2) == read(two_files)[:limit]


def test_ids_do_not_depend_on_the_size_of_batches(two_files):
    assert read(two_files, 1) == read(two_files, 100)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "holds no record"),
        ('[{"text": "a"}, {"text": "b"}]', "no usable row among the first 2; the first is malformed: no known form"),
    ],
)
def test_a_source_without_a_usable_row_is_an_error_before_the_run(tmp_path, text, problem):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SourceError, match=problem):
        check_source(Source(name="s", path=str(tmp_path / "a.json")))


def test_a_source_with_some_usable_rows_passes(two_files):
    assert check_source(two_files) == list_files(two_files)


def test_a_file_is_read_in_little_memory(tmp_path):
    line = json.dumps({"instruction": "x" * 1000, "output": "y" * 1000})
    (tmp_path / "a.jsonl").write_text("\n".join([line] * 20_000))
    source = Source(name="s", path=str(tmp_path / "a.jsonl"))
    before, peak, rows = pa.total_allocated_bytes(), 0, 0
    for table in batches(source, list_files(source)[0], 256):
        rows += table.num_rows
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert rows == 20_000
    assert peak < 8 << 20  # of 40 MB
