"""Records in a JSON document: one that is broken fails alone, and reading goes on with the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.sources.formats.elements import elements
from distilray.sources.formats.malformed import Malformed
from distilray.sources.formats.scanner import Scanner
from tests.support.source_files import found, whys, written

RECORDS = [{"instruction": f"q{k}", "input": "", "output": f"answer {k}"} for k in range(5)]
TURNS = [
    {"id": k, "messages": [{"role": "user", "content": f"q{k}"}, {"role": "assistant", "content": "a"}]}
    for k in range(4)
]


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ('"answer 2"', '"answer "two""'),
        ('"answer 2"', '"answer " 2"'),
        ('"answer 2"', "answer 2"),
        ('"answer 2"', "'answer 2'"),
        ('"answer 2"', '"answer 2'),
        ('"answer 2"', '"answer \\ud800"'),
        ('"answer 2"', '"answer \\x"'),
        ('"answer 2"', "undefined"),
        ('"answer 2"', "[1, 2"),
        ('"answer 2"', "{"),
        ('"answer 2"', '"answer\n2"'),
        ('"answer 2"', "5}}"),
        ('"output": "answer 2"', '"output" "answer 2"'),
        ('"q2",', '"q2"'),
        ('"q2"', "'q2\""),
    ],
)
def test_a_broken_record_fails_alone(tmp_path: Path, indent: int | None, keyed: bool, text: str, instead: str) -> None:
    whole = {f"k{k}": record for k, record in enumerate(RECORDS)} if keyed else RECORDS
    document = json.dumps(whole, indent=indent)
    assert text in document
    if keyed and instead == "{":
        return  # a record with the others as its members: JSON, but for the last bracket
    given = found(written(tmp_path / "a.json", document.replace(text, instead)))
    good = [(k + 1, {"id": f"k{k}", **record} if keyed else record) for k, record in enumerate(RECORDS)]
    assert [item for item in given if item[0] != 3] == good[:2] + good[3:]
    if instead != "5}}":  # a record and a bracket too many
        assert [(position, record.records) for position, record in given if position == 3] == [(3, 1)]


def test_records_broken_one_after_another_fail_one_by_one(tmp_path: Path) -> None:
    document = json.dumps(RECORDS).replace('"q1"', '"q"1"').replace('"q2"', '"q"2"').replace('"q4"', '"q"4"')
    assert [why is None for why in whys(written(tmp_path / "a.json", document))] == [True, False, False, True, False]


def test_an_object_within_a_broken_record_is_no_record(tmp_path: Path) -> None:
    document = json.dumps(TURNS, indent=1).replace('"id": 1', '"id": "1').replace('"role": "user"', '"id": 7', 3)
    given = found(written(tmp_path / "a.json", document))
    assert [position for position, _ in given] == [1, 2, 3, 4]
    assert [isinstance(record, Malformed) for _, record in given] == [False, True, False, False]


@pytest.mark.parametrize("at", [1, 20, 60, 111, -1])
def test_a_document_cut_short_keeps_what_came_before(tmp_path: Path, at: int) -> None:
    *good, bad = found(written(tmp_path / "a.json", json.dumps(RECORDS)[:at]))
    assert [record for _, record in good] == RECORDS[: len(good)]
    assert bad[1].records is None
    assert bad[1].why.startswith("unreadable from here to the end of the file; it is cut short")


def test_nothing_recognisable_after_a_broken_record_is_the_rest(tmp_path: Path) -> None:
    (only,) = whys(written(tmp_path / "a.json", "<html><body>Not found</body></html>"))
    assert only == "unreadable from here to the end of the file; not JSON: Expecting value at character 1"


@pytest.mark.parametrize("text", ["[{}, {}] [{}]", "{} {}\n{}", "[{},\n{},{},]", "[{} {}\n{}]", "[{}], {}, {}]"])
def test_commas_and_brackets_cost_no_record(tmp_path: Path, text: str) -> None:
    assert found(written(tmp_path / "a.json", text)) == [(1, {}), (2, {}), (3, {})]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_chunks_make_no_difference(size: int) -> None:
    made = [
        *RECORDS,
        {"other": [1, {"a": "}, {"}, ']\\"']},
        {"instruction": "\\", "input": '"', "output": None},
        5,
        "x",
        True,
    ]
    text = json.dumps(made, indent=2).replace('"q3"', '"q"3"').encode()
    chunks = (text[k : k + size] for k in range(0, len(text), size))
    values = [value for _, value in elements(Scanner(chunks))]
    assert values[:3] + values[4:] == made[:3] + made[4:]
    assert isinstance(values[3], Malformed)
