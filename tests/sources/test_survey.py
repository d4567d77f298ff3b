"""What a source holds is known before a run: usable rows, malformed ones, files without an end; and what would help."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from distilray.sources import Source, SourceError, check_source, survey_source
from tests.support.source_files import written

GOOD = '{"instruction": "a"}'


def source(path: Path, **settings: Any) -> Source:
    return Source(name="s", path=str(path), **settings)


def test_malformed_records_are_no_rows(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", "\n".join([GOOD, "{broken", '{"text": "b"}', GOOD, ""]))
    survey = survey_source(source(tmp_path))
    assert (survey.usable, survey.count.rows, survey.count.failed) == (2, 4, 2)
    (warning,) = survey.warnings
    assert warning.startswith("source s: 2 of 4 records malformed, the first: not JSON; ")
    assert warning.endswith("; a.jsonl:2; that is more than its lost_share of 0.01, so a run ends with exit code 1")
    (allowed,) = survey_source(source(tmp_path, lost_share=0.5)).warnings
    assert allowed.endswith("; a.jsonl:2")


def test_a_file_without_its_end_is_named(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", GOOD)
    written(tmp_path / "b.jsonl.gz", gzip.compress(f"{GOOD}\n".encode() * 99)[:-9])
    survey = survey_source(source(tmp_path))
    assert survey.usable > 1
    (warning,) = survey.warnings
    assert (
        warning.startswith("source s: cannot be read to its end, b.jsonl.gz:")
        and "its gzip data is cut short" in warning
    )


def test_a_limit_bounds_the_rows_as_in_a_run(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", "\n".join([GOOD, "{broken", GOOD, GOOD]))
    assert survey_source(source(tmp_path, limit=3)).usable == 2


def test_a_good_source_has_no_warnings(tmp_path: Path) -> None:
    written(tmp_path / "a.json", json.dumps([{"instruction": "a", "instances": [{"output": "b"}, {"output": "c"}]}]))
    survey = survey_source(source(tmp_path))
    assert (survey.usable, survey.count.records, survey.count.parts, survey.warnings) == (2, 1, 1, [])


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("a.jsonl", '{"text": "a"}\n', "Describe its records with `columns` or `form`"),
        ("a.jsonl", "{'instruction': 'a'}\n", "Correct the file at that place, or write it again with a JSON library"),
        ("a.jsonl", '{"instruction": "谁创造了你？"}\n'.encode("gb18030"), "Save the file as UTF-8"),
        ("a.jsonl.gz", gzip.compress(GOOD.encode(), mtime=0)[:-12], "Copy or download the file again"),
        ("a.parquet", b"PAR1", "Copy or download the file again, or name its true `format`"),
        ("a.json", "<html>", "Correct the file at that place"),
    ],
)
def test_the_advice_is_what_helps_against_the_first_problem(
    tmp_path: Path, name: str, content: bytes | str, remedy: str
) -> None:
    with pytest.raises(SourceError, match="has no usable row; the only one is malformed: ") as caught:
        check_source(source(written(tmp_path / name, content)))
    assert caught.value.remedy.startswith(remedy)


def test_the_advice_for_a_place_that_cannot_be_listed_is_about_the_place(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be listed.*Name a path, or a URI that begins with file://"):
        check_source(Source(name="s", path="nosuch://bucket/a.jsonl"))
    written(tmp_path / "dataset_dict.json", "{}")
    with pytest.raises(SourceError, match="has a dataset_dict.json without splits. Copy the dataset's complete folder"):
        check_source(source(tmp_path))
