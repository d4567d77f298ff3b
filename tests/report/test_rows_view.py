"""Rows of a step can be read: what was asked, answered, found, and why it ended."""

import io

import pytest
from rich.console import Console

from distilray.report.rows_view import UnknownStep, _show, find_rows, show_rows
from distilray.rows import Row
from distilray.storage import Store
from tests.support.ledger_files import PHASE, unit, write_run


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    return store


def shown(store, *arguments, **options):
    out = io.StringIO()
    show_rows(store, *arguments, out=out, **options)
    return out.getvalue()


def test_a_block_tells_the_whole_story_of_a_row(store):
    text = shown(store, "judge", "rejected", 1)
    for part in (
        "gsm8k/train.jsonl:3",
        "rejected: relevance below 6",
        "How much is 3 + 1?",
        "It is 4.",
        "answer  kept",
    ):
        assert part in text
    assert "relevance" in text and "failed" not in text


def test_a_pipe_gets_lines_that_are_not_wrapped():
    out = io.StringIO()
    row = Row(
        {"id": "s/a:1", "messages": [{"role": "user", "content": "word " * 60 + "\nsecond"}], "outcome": "failed"}
    )
    row = row.having(reason="malformed: " + "why " * 60)
    _show(Console(file=out, highlight=False), row, "sources")
    rule, title, first, second, *_ = out.getvalue().splitlines()
    assert title == "s/a:1  en  others  failed: malformed: " + "why " * 60
    assert first == "  instruction  " + "word " * 60
    assert second == " " * 15 + "second"
    assert len(rule) <= 80


@pytest.mark.parametrize(
    ("step", "outcome", "rows"),
    [
        ("sources", None, 24),
        ("answer", "kept", 24),
        ("judge", "kept", 18),
        ("judge", "failed", 3),
        ("select", None, 18),
    ],
)
def test_rows_are_found_by_what_became_of_them_in_that_step(store, step, outcome, rows):
    assert len(list(find_rows(store, step, outcome))) == rows


def test_rows_that_a_global_step_decided_on_are_shown_with_their_text(store):
    (row, *_) = find_rows(store, "select", "rejected")
    assert (row.id, row["answer"], row["reason"]) == ("gsm8k/train.jsonl:5", "It is 6.", "outside the best half")


def test_the_limit_holds_and_says_that_there_is_more(store):
    text = shown(store, "answer", limit=2)
    assert text.count("How much is") == 2 and "raise --limit" in text
    assert "raise --limit" not in shown(store, "answer", limit=24)


def test_units_beyond_the_limit_are_not_opened(store):
    store.write(f"{PHASE}/{unit(2)}.parquet", b"not Parquet: reading it would fail")
    assert shown(store, "answer", limit=10).count("How much is") == 10


def test_one_row_is_found_by_its_id(store):
    text = shown(store, "judge", row_id="gsm8k/train.jsonl:17")
    assert text.count("How much is") == 1 and "How much is 17 + 1?" in text


def test_no_row_is_an_answer_too(store):
    assert "no failed row in step answer" in shown(store, "answer", "failed")


def test_an_unknown_step_is_told_which_there_are(store):
    with pytest.raises(UnknownStep, match=r"no step 'juge'; there are: sources, answer, judge, select"):
        shown(store, "juge")
