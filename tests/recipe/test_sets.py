"""Recipes whose steps over the whole set could not do what they are for are refused when they are read."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from distilray.recipe import Recipe, RecipeError, parse


def read(step: dict[str, Any], source: dict[str, Any] | None = None, *before: dict[str, Any]) -> Recipe:
    document = {
        "models": {"teacher": {"kind": "echo", "cpus": 1}},
        "sources": [{"name": "rows", "path": "rows.jsonl", **(source or {})}],
        "steps": [*before, step],
    }
    return parse(yaml.safe_dump(document), "r.yaml")


LABEL = {"label": {"model": "teacher", "into": "task", "labels": ["math", "code"]}}


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"decontaminate": {}}, r"steps\[0\].decontaminate: nothing to compare with"),
        ({"balance": {"shares": {"maths": 1.0}}}, r"balance.shares.maths: unknown task 'maths'.*did you mean 'math'"),
        ({"balance": {"languages": ["en", "zh"]}}, r"balance.languages: no source is in 'zh', only in en"),
        ({"balance": {"shares": {"math": 0.5}}}, r"balance.shares: the shares sum to 0.5, not to 1"),
        ({"deduplicate": {"by": "quality"}}, r"reads the column 'quality', which no source"),
        ({"find_boilerplate": {"abov": 0.1}}, r"unknown key 'abov'; did you mean 'above'"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(step: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        read(step, {"task": "math", "language": "en"})


def test_tasks_of_a_step_that_labels_are_known() -> None:
    read({"balance": {"shares": {"math": 0.5, "code": 0.5}}}, {"task": "writing"}, LABEL)
    with pytest.raises(RecipeError, match="unknown task 'writing'"):
        read({"balance": {"shares": {"writing": 0.5, "code": 0.5}}}, {"task": "writing"}, LABEL)


def test_where_records_bring_tasks_and_languages_the_rows_decide() -> None:
    read({"balance": {"shares": {"maths": 1.0}, "languages": ["en", "zh"]}})


def test_rows_may_be_made_in_a_language_that_no_source_has() -> None:
    step = {"balance": {"languages": ["en", "zh"], "short": "expand"}}
    assert read(step, {"language": "en"}).all_steps()
    with pytest.raises(RecipeError, match="no source is in 'en', only in fr"):
        read(step, {"language": "fr"})
