"""Duplicates leave, the best of them stays, and each that leaves names the one that stays."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic import ValidationError

from distilray.steps.deduplicate import Deduplicate
from tests.support.sets import Decided, row

STORY = (
    "a young farmer walks to the market every morning with two baskets of fresh apples and tells everyone on the way "
    "that today the weather is fine enough for a long rest under the old tree behind the church"
)
GESCHICHTE = "请写一篇关于春天的短文，描述公园里的花草树木、湖边散步的老人和放风筝的孩子，并且表达你对生活的热爱之情。"


def test_exact_duplicates_leave_whatever_their_case_spaces_and_punctuation() -> None:
    found = Decided(Deduplicate(), [row("a", "What is love?"), row("b", "what is LOVE"), row("c", "What is hate?")])
    assert found.kept == {"c", "a"}
    assert found["b"] | {"unit": 0} == {
        "id": "b", "unit": 0, "reason": "exact duplicate", "duplicate_of": "a", "similarity": 1.0,
    }  # fmt: skip
    assert found["a"]["duplicate_of"] is None and found["a"]["similarity"] is None


@pytest.mark.parametrize(("text", "near"), [(STORY, "old tree"), (GESCHICHTE, "短文")])
def test_near_duplicates_leave_in_both_languages(text: str, near: str) -> None:
    other = text.replace(near, near[0])
    found = Decided(Deduplicate(threshold=0.7), [row("long", text), row("short", other), row("new", text[::-1])])
    assert found.reasons == {"short": "near-duplicate"}
    assert found["short"]["duplicate_of"] == "long"
    assert 0.7 <= found["short"]["similarity"] < 1


def test_what_is_less_similar_stays() -> None:
    half = " ".join(STORY.split()[:20] + ["something", "else"] * 9)
    assert Decided(Deduplicate(), [row("a", STORY), row("b", half)]).kept == {"a", "b"}


def test_rows_with_other_numbers_are_other_exercises() -> None:
    rows = [row(f"r{k}", f"{STORY} and sells {k} apples") for k in range(30)]
    assert len(Decided(Deduplicate(), rows).kept) == 30
    assert len(Decided(Deduplicate(numbers_agree=False), rows).kept) == 1


def test_an_exact_duplicate_of_a_near_duplicate_names_the_row_that_stays() -> None:
    near = STORY.replace("young ", "")
    found = Decided(Deduplicate(), [row("best", STORY), row("near", near), row("again", near.upper())])
    assert found.kept == {"best"}
    assert {decision["duplicate_of"] for decision in found.rows.values()} == {None, "best"}


def test_of_a_chain_every_row_that_leaves_is_near_to_the_one_it_names() -> None:
    words = STORY.split()
    chain = [row(f"r{k}", " ".join([f"z{chr(97 + j)}" for j in range(k)] + words[k:])) for k in range(12)]
    found = Decided(Deduplicate(threshold=0.8), chain)
    assert 1 < len(found.kept) < 12
    for name in found.reasons:
        assert found[name]["duplicate_of"] in found.kept
        assert found[name]["similarity"] >= 0.8


def test_the_best_is_told_by_a_column_then_by_sources_originals_and_length() -> None:
    def kept(step: Deduplicate, *rows: dict[str, Any]) -> set[str]:
        return Decided(step, rows, {"score": "float"}).kept

    low, high = row("low", STORY, score=1.0), row("high", STORY, score=2.0)
    assert kept(Deduplicate(by="score"), low, high) == {"high"}
    ours, theirs = row("ours", STORY, source="own"), row("theirs", STORY, source="other's")
    assert kept(Deduplicate(sources=("other's", "own")), ours, theirs) == {"theirs"}
    child, parent = row("child", STORY + "!!!", parent="p"), row("parent", STORY)
    assert kept(Deduplicate(), child, parent) == {"parent"}
    assert kept(Deduplicate(), row("plain", STORY), row("longer", STORY + " ...")) == {"longer"}


def test_parts_say_what_is_compared() -> None:
    rows = [row("a", STORY, answer="yes"), row("b", STORY, answer="no")]
    assert len(Decided(Deduplicate(), rows).kept) == 1
    assert len(Decided(Deduplicate(parts=("conversation", "answer"), threshold=None), rows).kept) == 2
    system = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": STORY}]
    assert len(Decided(Deduplicate(), [row("a", STORY), row("b", messages=system)]).kept) == 1


def test_texts_without_words_are_no_duplicates() -> None:
    assert len(Decided(Deduplicate(), [row("a", ""), row("b", "  "), row("c", "?!")]).kept) == 3


def test_the_order_of_rows_changes_nothing() -> None:
    draw = random.Random(3)
    rows = [row(f"r{k}", " ".join(draw.choices(STORY.split(), k=30))) for k in range(50)]
    rows += [row(f"d{k}", draw.choice(rows)["messages"][0]["content"] + " indeed") for k in range(50)]
    assert Decided(Deduplicate(), rows).rows == Decided(Deduplicate(), draw.sample(rows, len(rows))).rows


def test_a_large_cluster_is_found_whole() -> None:
    rows = [row(f"r{k:03}", f"{STORY} w{chr(97 + k % 26)}{chr(97 + k // 26)}") for k in range(300)]
    assert len(Decided(Deduplicate(), rows).kept) <= 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"threshold": 1.5}, "less than or equal to 1"),
        ({"parts": ()}, "at least 1"),
        ({"parts": ("mind",)}, "'answer'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Deduplicate.model_validate(settings)
