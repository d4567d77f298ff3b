"""`distilray rows`: the rows of a step, readable."""

import pytest

from distilray.storage import Store
from tests.support.command_line import distilray


def test_rows_with_an_outcome_are_shown_up_to_the_limit(practice_run: Store):
    ended = distilray("rows", practice_run.base, "check", "--outcome", "rejected", "--limit", "2")
    assert ended.code == 0
    assert ended.out.count("rejected: wrong answer") == 2 and "raise --limit" in ended.out


def test_one_row_is_found_by_its_id(practice_run: Store):
    ended = distilray("rows", practice_run.base, "sources", "--id", "practice/problems:7")
    assert ended.code == 0
    assert "practice/problems:7 " in ended.out and "practice/problems:8 " not in ended.out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("dance",), "has no step 'dance'; there are: sources, answer, judge, check, select"),
        (("check", "--outcome", "lost"), "choose from 'kept', 'rejected', 'failed'"),
        (("check", "--limit", "0"), "0 is not a positive number of rows"),
        ((), "required: step"),
    ],
)
def test_wrong_input_is_named(practice_run: Store, words: tuple[str, ...], text: str):
    ended = distilray("rows", practice_run.base, *words)
    assert (ended.code, ended.out) == (2, "")
    assert text in ended.err
