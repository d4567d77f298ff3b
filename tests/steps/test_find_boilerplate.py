"""Text that too many answers share is brought down to a frequency, or marked."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from distilray.steps.find_boilerplate import FindBoilerplate
from distilray.steps.shared import phrases
from tests.support.sets import Decided, row

SENTENCE = "It is important to note that every single case is different."
CHINESE = "需要注意的是，每个人的具体情况都不一样。"
SIGNS = [chr(0x4E00 + k) for k in range(3000)]


@pytest.fixture(autouse=True)
def small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "PLACES", 1 << 16)


def words(draw: random.Random, number: int) -> str:
    return " ".join("".join(draw.choices("abcdefghij", k=6)) for _ in range(number))


def answers(number: int, template: str = "{}", seed: int = 1, language: str = "en") -> list[dict[str, Any]]:
    """Rows whose answers have nothing in common but what ``template`` says."""
    draw = random.Random(seed)
    fill = (lambda: "".join(draw.choices(SIGNS, k=24))) if language == "zh" else (lambda: words(draw, 20))
    return [
        row(f"{seed}-{k}", "question", answer=template.replace("{}", fill()), language=language) for k in range(number)
    ]


def test_an_opening_is_brought_down_to_its_frequency() -> None:
    rows = [*answers(100, "Sure! Here is {}"), *answers(300, seed=2)]
    found = Decided(FindBoilerplate(above=0.05), rows)
    stay = [name for name in found.kept if name.startswith("1-")]
    assert len(stay) / len(found.kept) <= 0.05 < (len(stay) + 2) / len(found.kept)
    assert Counter(found.reasons.values()) == {"repeated opening": 100 - len(stay)}
    assert {found[name]["boilerplate"] for name in found.reasons} == {"sure here is"}
    assert {found[name]["boilerplate_share"] for name in found.reasons} == {0.25}
    assert all(found[name]["boilerplate"] is None for name in found.kept)


def test_a_sentence_is_found_in_both_languages_each_by_its_own_share() -> None:
    rows = [*answers(300), *answers(40, "{} " + SENTENCE + " {}", seed=2)]
    rows += [*answers(100, seed=3, language="zh"), *answers(40, "{}" + CHINESE + "{}", seed=4, language="zh")]
    found = Decided(FindBoilerplate(above=0.15), rows)
    assert {name.split("-")[0] for name in found.reasons} == {"4"}  # 40 of 140 in Chinese, 40 of 340 in English
    assert set(found.reasons.values()) == {"repeated phrase"}
    both = Decided(FindBoilerplate(above=0.05), rows)
    assert {name.split("-")[0] for name in both.reasons} == {"2", "4"}


def test_refusals_count_together_however_they_are_worded() -> None:
    refusals = [
        row(f"no-{k}", "question", answer=f"I'm sorry, but I can't help with {words(random.Random(k), 12)}.")
        for k in range(30)
    ]
    found = Decided(FindBoilerplate(above=0.02), [*answers(300), *refusals])
    assert {name[:2] for name in found.reasons} == {"no"}
    assert len(found.reasons) >= 24


def test_what_our_own_prompts_cause_is_counted_and_named_as_ours() -> None:
    rows = [*answers(60, "{}\nanswer: 7"), *answers(300, seed=2)]
    found = Decided(FindBoilerplate(above=0.05), rows)
    marker = next(phrase for phrase in found.summary["phrases"] if phrase["kind"] == "marker")
    assert marker["text"] == "answer:" and marker["ours"] and marker["before"] == 60
    assert marker["after"] == len([name for name in found.kept if name.startswith("1-")]) < 20


def test_marked_rows_stay() -> None:
    rows = [*answers(100, "Sure! Here is {}"), *answers(300, seed=2)]
    dropped, marked = (Decided(FindBoilerplate(above=0.05, then=then), rows) for then in ("drop", "mark"))
    assert len(marked.kept) == 400
    assert {name for name, row in marked.rows.items() if row["boilerplate"]} == set(dropped.reasons)


def test_the_worst_phrases_before_and_after_are_in_the_summary() -> None:
    rows = [*answers(80, "Sure! Here is {}"), *answers(40, "{} " + SENTENCE + " {}", seed=2), *answers(280, seed=3)]
    found = Decided(FindBoilerplate(above=0.05), rows)
    worst = found.summary["phrases"]
    assert [worst[0][name] for name in ("kind", "text", "language", "before")] == ["opening", "sure here is", "en", 80]
    assert worst[0]["share_before"] == pytest.approx(0.2) and worst[0]["share_after"] <= 0.05
    assert len([phrase for phrase in worst if phrase["kind"] == "phrase"]) <= 3  # the runs of one sentence
    assert "20.0% of the rows in en: opening 'sure here is'" in FindBoilerplate().explanation(found.summary)


def test_a_clean_set_and_rows_without_answers_lose_nothing() -> None:
    assert len(Decided(FindBoilerplate(), answers(200)).kept) == 200
    assert len(Decided(FindBoilerplate(), [row(f"r{k}", "question") for k in range(50)]).kept) == 50


def test_few_rows_are_no_boilerplate() -> None:
    rows = [*answers(15, "Sure! Here is {}"), *answers(30, seed=2)]
    assert len(Decided(FindBoilerplate(), rows).kept) == 45
    assert len(Decided(FindBoilerplate(above=0.1, min_rows=10), rows).kept) < 45


def test_the_order_of_rows_changes_nothing() -> None:
    rows = [*answers(100, "Sure! Here is {}"), *answers(200, seed=2)]
    step = FindBoilerplate(above=0.05)
    assert Decided(step, rows).rows == Decided(step, random.Random(2).sample(rows, len(rows))).rows


def test_instructions_can_be_searched_too() -> None:
    rows = [row(f"a{k}", f"Please write {words(random.Random(k), 12)}") for k in range(60)]
    found = Decided(FindBoilerplate(parts=("conversation",), above=0.5, edge_words=2), rows)
    assert {found[name]["boilerplate"] for name in found.reasons} == {"please write"}


@pytest.mark.parametrize("settings", [{"above": 0}, {"above": 1}, {"min_rows": 1}, {"then": "cry"}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FindBoilerplate.model_validate(settings)
