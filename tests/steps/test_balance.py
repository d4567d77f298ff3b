"""Shares of tasks, languages and lengths are as they were asked for, or new rows are asked for."""

from __future__ import annotations

import random
from collections import Counter
from math import log
from statistics import fmean, pstdev
from typing import Any

import pytest
from pydantic import ValidationError

from distilray.errors import InputError
from distilray.steps.balance import Balance
from tests.support.sets import Decided, row


def some(number: int, task: str | None, language: str = "en", words: int = 3) -> list[dict[str, Any]]:
    text = " ".join(["word"] * words)
    return [row(f"{task}-{language}-{words}-{k}", text, task=task, language=language) for k in range(number)]


def cells(found: Decided) -> Counter[tuple[str, str]]:
    return Counter((name.split("-")[0], name.split("-")[1]) for name in found.kept)


def test_tasks_are_cut_to_their_shares_and_what_is_lacking_stays_lacking() -> None:
    found = Decided(Balance(shares={"math": 0.5, "writing": 0.5}), [*some(80, "math"), *some(20, "writing")])
    assert cells(found) == {("math", "en"): 50, ("writing", "en"): 20}
    assert Counter(found.reasons.values()) == {"task over its share": 30}


def test_all_shrink_to_the_scarcest_where_that_is_asked_for() -> None:
    rows = [*some(80, "math"), *some(20, "writing")]
    found = Decided(Balance(shares={"math": 0.5, "writing": 0.5}, short="cut"), rows)
    assert cells(found) == {("math", "en"): 20, ("writing", "en"): 20}
    published = Decided(Balance(shares="published", short="cut"), rows)
    assert cells(published)["math", "en"] > 9 * cells(published)["writing", "en"]


def test_rows_in_all_may_be_given() -> None:
    rows = [*some(80, "math"), *some(80, "writing")]
    assert cells(Decided(Balance(shares={"math": 0.75, "writing": 0.25}, rows=40), rows)) == {
        ("math", "en"): 30,
        ("writing", "en"): 10,
    }


def test_rows_without_a_share_count_as_others() -> None:
    rows = [*some(10, "math"), *some(10, "knitting"), *some(10, None)]
    assert cells(Decided(Balance(shares={"math": 0.5, "others": 0.5}, rows=8), rows))["math", "en"] == 4
    found = Decided(Balance(shares={"math": 1.0}), rows)
    assert cells(found) == {("math", "en"): 10}
    assert set(found.reasons.values()) == {"task or language without a share"}


def test_languages_stay_within_five_percent_of_each_other() -> None:
    rows = [*some(300, "math"), *some(100, "math", "zh"), *some(60, "writing"), *some(20, "writing", "zh")]
    found = Decided(Balance(languages=("en", "zh")), [*rows, *some(5, "math", "fr")])
    by_language = Counter(language for _, language in cells(found).elements())
    assert by_language == {"en": 126, "zh": 120}
    assert Counter(found.reasons.values())["task or language without a share"] == 5
    assert found.summary["languages_apart"] == pytest.approx(0.05)


def test_tasks_and_languages_hold_at_once() -> None:
    rows = [*some(300, "math"), *some(100, "math", "zh"), *some(300, "writing"), *some(20, "writing", "zh")]
    found = Decided(Balance(shares={"math": 0.5, "writing": 0.5}, languages=("en", "zh"), rows=400), rows)
    kept = cells(found)
    assert kept["math", "zh"] == 100 and kept["writing", "zh"] == 20
    assert kept["math", "en"] + kept["writing", "en"] == 126
    assert Counter(found.reasons.values())["language ahead of the others"] == 200 - 126


def lognormal(number: int, mean: float, deviation: float) -> list[dict[str, Any]]:
    draw = random.Random(5)
    lengths = [max(1, round(draw.lognormvariate(log(mean), deviation))) for _ in range(number)]
    return [row(f"r-{k}", " ".join(["word"] * words), task="math") for k, words in enumerate(lengths)]


def test_lengths_follow_the_distribution_that_is_wanted() -> None:
    rows = lognormal(4000, mean=40, deviation=1.2)
    found = Decided(Balance(lengths={"mean": 30, "deviation": 0.5, "tail": 0.0}, rows=600), rows)
    logs = [log(found[name]["words"]) for name in found.kept]
    assert len(logs) == 600
    assert fmean(logs) == pytest.approx(log(30), abs=0.08)
    assert pstdev(logs) == pytest.approx(0.5, abs=0.08)


def test_the_long_tail_keeps_its_share() -> None:
    rows = lognormal(4000, mean=40, deviation=1.2)
    found = Decided(Balance(lengths={"mean": 30, "deviation": 0.5, "tail": 0.2}, rows=600), rows)
    assert fmean(log(found[name]["words"]) >= log(30) + 1.0 for name in found.kept) == pytest.approx(0.2, abs=0.01)


def test_lengths_that_are_lacking_are_made_up_by_others_and_no_row_is_doubled() -> None:
    found = Decided(Balance(lengths={"mean": 300, "deviation": 0.3}, rows=50), some(80, "math", words=10))
    assert len(found.kept) == 50


def test_a_column_decides_which_of_equal_rows_stay() -> None:
    rows = [row(f"r{k}", "word", task="math", score=float(k)) for k in range(10)]
    found = Decided(Balance(shares={"math": 1.0}, rows=3, by="score"), rows, {"score": "float"})
    assert found.kept == {"r7", "r8", "r9"}


def test_new_rows_are_asked_for_from_the_rows_that_are_there() -> None:
    rows = [*some(30, "math"), *some(10, "math", "zh"), *some(90, "writing"), *some(50, "writing", "zh")]
    step = Balance(shares={"math": 0.5, "writing": 0.5}, languages=("en", "zh"), rows=200, short="expand")
    found = Decided(step, rows)
    asked: Counter[tuple[str, str, str]] = Counter()
    for name in found.kept:
        task, language, *_ = name.split("-")
        for column in ("to_expand", "to_localize"):
            asked[task, language, column] += found[name][column]
    assert {key: number for key, number in asked.items() if number} == {
        ("math", "en", "to_expand"): 20,
        ("math", "en", "to_localize"): 20,
        ("math", "zh", "to_expand"): 20,
    }
    assert all(found[name]["to_expand"] is None for name in found.reasons)
    assert max(found[name]["to_expand"] for name in found.kept) <= 3


def test_a_budget_bounds_what_is_asked_for_and_rounds_ask_other_rows() -> None:
    step = Balance(shares={"math": 1.0}, rows=1000, short="expand", most_new=7)
    asked = [
        {name for name, decision in Decided(step.in_round(k), some(100, "math")).rows.items() if decision["to_expand"]}
        for k in (1, 2)
    ]
    assert len(asked[0]) == len(asked[1]) == 7 and asked[0] != asked[1]


def test_the_summary_has_every_cell_before_and_after() -> None:
    found = Decided(Balance(shares={"math": 0.5, "writing": 0.5}), [*some(80, "math"), *some(20, "writing", words=9)])
    assert found.summary["cells"] == [
        {"task": "math", "language": "", "before": 80, "target": 50, "after": 50, "to_expand": 0, "to_localize": 0},
        {"task": "writing", "language": "", "before": 20, "target": 50, "after": 20, "to_expand": 0, "to_localize": 0},
    ]
    assert found.summary["lengths"] == [{"from": 2, "before": 80, "after": 50}, {"from": 8, "before": 20, "after": 20}]


def test_the_order_of_rows_changes_nothing() -> None:
    rows = [*some(80, "math"), *some(20, "writing"), *some(70, "math", words=9)]
    step = Balance(shares={"math": 0.5, "writing": 0.5}, lengths={"mean": 5, "deviation": 0.5})
    assert Decided(step, rows).rows == Decided(step, random.Random(2).sample(rows, len(rows))).rows


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "nothing to balance"),
        ({"lengths": {"mean": 5, "deviation": 1}}, "nothing to balance.*how many of them stay"),
        ({"shares": {"math": 0.5, "writing": 0.4}}, "the shares sum to 0.9, not to 1: math 0.5, writing 0.4"),
        ({"shares": {"math": 0.5}}, "give the rest to others"),
        ({"shares": {"math": 1.5, "writing": -0.5}}, "a share is a number from 0 to 1, not math 1.5, writing -0.5"),
        ({"languages": ["en"]}, "one language is in balance with none"),
        ({"languages": ["en", "en"]}, "name two or more"),
        ({"shares": {"math": 1}, "lengths": {"mean": 0, "deviation": 1}}, "greater than 0"),
    ],
)
def test_settings_that_say_too_little_or_too_much_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Balance.model_validate(settings)


def test_a_task_that_no_row_has_stops_the_run() -> None:
    with pytest.raises(InputError, match=r"no row is of the task 'maths'.*the rows' tasks: math \(5\), writing \(2\)"):
        Decided(Balance(shares={"maths": 0.5, "writing": 0.5}), [*some(5, "math"), *some(2, "writing")])


def test_one_language_alone_cannot_be_in_balance_with_another() -> None:
    with pytest.raises(InputError, match=r"no row is in 'zh'.*\(5 rows in en\).*short: expand"):
        Decided(Balance(languages=("en", "zh")), some(5, "math"))
    with pytest.raises(InputError, match=r"no row is in 'fr'.*\(no row\)"):
        Decided(Balance(languages=("fr", "zh"), short="expand"), some(5, "math"))
    found = Decided(Balance(languages=("en", "zh"), rows=10, short="expand"), some(5, "math"))
    assert sum(found[name]["to_localize"] for name in found.kept) == 5
