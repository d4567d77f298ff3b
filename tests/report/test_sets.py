"""What steps over the whole set did is on the page: shares before and after, and what of benchmarks was found."""

from __future__ import annotations

from pathlib import Path

from distilray.ledger import Manifest
from distilray.report.page.sets import changes, held
from distilray.report.page.strings import STRINGS
from distilray.storage import Store
from tests.report.test_page import HOSTILE, page
from tests.support.practice_run import SELECT, write_practice_run

CELLS = [
    {"task": "math", "language": "en", "before": 300, "target": 100, "after": 100, "to_expand": 0, "to_localize": 40},
    {"task": "", "language": "zh", "before": 100, "target": 100, "after": 100, "to_expand": 20, "to_localize": 0},
]
PHRASE = {
    "kind": "opening", "language": "en", "text": HOSTILE, "before": 90, "after": 3, "share_before": 0.3,
    "share_after": 0.01, "ours": True,
}  # fmt: skip


def with_summary(tmp_path: Path, summary: dict) -> Store:
    store = Store(tmp_path / "run")
    write_practice_run(store)
    manifest = Manifest.read(store, SELECT)
    assert manifest is not None
    manifest.details["summary"] = summary
    manifest.write(store, SELECT)
    return store


def test_tasks_languages_and_lengths_are_told_before_and_after(tmp_path: Path) -> None:
    lengths = [{"from": 1, "before": 100, "after": 0}, {"from": 8, "before": 300, "after": 200}]
    store = with_summary(tmp_path, {"kind": "balance", "cells": CELLS, "lengths": lengths, "languages_apart": 0.0})
    html = page(store, tmp_path)
    for told in ("Tasks and languages", "math en 300 75.0\xa0% 100 50.0\xa0%", "– zh 100 25.0\xa0%", "8 – 15", "0 – 1"):
        assert told in html.text, told
    assert "New rows asked for" in html.text and "Target" in html.text


def test_the_most_repeated_texts_are_told_and_run_nothing(tmp_path: Path) -> None:
    store = with_summary(tmp_path, {"kind": "boilerplate", "above": 0.01, "then": "drop", "phrases": [PHRASE]})
    html = page(store, tmp_path)
    for told in (HOSTILE, "opening · en · from our prompts", "90 30.0\xa0% 3 1.0\xa0%"):
        assert told in html.text, told
    assert HOSTILE not in html.html


def test_benchmarks_that_were_found_in_rows_are_told(tmp_path: Path) -> None:
    found = [{"benchmark": "gsm8k", "questions": 1319, "rows": 12}]
    html = page(with_summary(tmp_path, {"kind": "contamination", "benchmarks": found}), tmp_path)
    assert "gsm8k 1,319 12" in html.text


def test_without_such_a_step_there_is_no_such_section(tmp_path: Path) -> None:
    html = page(with_summary(tmp_path, {"kind": "something else"}), tmp_path)
    assert "sets" not in html.ids
    assert changes([]) == held([]) == []


def test_every_string_is_in_both_languages() -> None:
    assert all(english and chinese for english, chinese in STRINGS.values())
