"""Runs that many texts share are found in two passes, and what our prompts cause is known as ours."""

from __future__ import annotations

import random

import pytest

from distilray.prompts import template_texts
from distilray.steps.shared import phrases
from distilray.steps.shared.phrases import CLOSING, INSIDE, OPENING, PhraseFinder, PromptTexts, RunLength, masked


def noise(draw: random.Random, words: int) -> str:
    return " ".join("".join(draw.choices("abcdefghij", k=6)) for _ in range(words))


@pytest.fixture(autouse=True)
def small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "PLACES", 1 << 20)


def found_in(texts: list[str], at_least: int) -> dict[str, set[tuple[str, str]]]:
    finder = PhraseFinder(RunLength(3, 5), RunLength(6, 10))
    for text in texts:
        finder.count(text)
    return {text: {(one.kind, one.text) for one in finder.frequent(text, at_least)} for text in texts}


def test_openings_closings_and_runs_that_many_texts_share_are_found() -> None:
    draw = random.Random(1)
    texts = [f"Sure, here is {noise(draw, 20)} and {noise(draw, 9)}. I hope this helps!" for _ in range(40)]
    texts += [noise(draw, 30) for _ in range(40)]
    found = found_in(texts, 30)
    assert all(found[text] == {(OPENING, "sure here is"), (CLOSING, "hope this helps")} for text in texts[:40])
    assert all(found[text] == set() for text in texts[40:])


def test_a_repeated_sentence_in_the_middle_is_found_in_both_languages() -> None:
    draw = random.Random(2)
    english = [
        f"{noise(draw, 10)} it is important to note that every case differs {noise(draw, 10)}" for _ in range(30)
    ]
    signs = [chr(0x4E00 + k) for k in range(3000)]
    chinese = [
        f"{''.join(draw.choices(signs, k=30))}需要注意的是每个人的情况{''.join(draw.choices(signs, k=30))}"
        for _ in range(30)
    ]
    found = found_in([*english, *chinese], 30)
    assert (INSIDE, "important to note that every case") in found[english[0]]
    assert (INSIDE, "需要注意的是每个人的") in found[chinese[0]]


def test_a_run_counts_once_in_each_text() -> None:
    assert found_in([" ".join(["again and again we say so"] * 9), "something else"], 2) == {
        " ".join(["again and again we say so"] * 9): set(), "something else": set(),
    }  # fmt: skip


def test_numbers_do_not_tell_runs_apart() -> None:
    draw = random.Random(3)
    texts = [f"{noise(draw, 12)} in conclusion the answer is {k}" for k in range(30)]
    assert all((CLOSING, "answer is #") in found for found in found_in(texts, 30).values())
    assert masked("3 + 4").words == ["#", "+", "#"]


def test_texts_that_are_shorter_than_a_run_have_none() -> None:
    assert found_in(["", "yes", "a b"], 1) == {"": set(), "yes": set(), "a b": set()}


def test_lines_that_our_prompts_ask_for_are_ours_in_both_languages() -> None:
    prompts = PromptTexts(template_texts().values())
    assert prompts.markers("We add them.\n**Answer: 7**") == {"answer:"}
    assert prompts.markers("The answer: 7 is in the middle of a line") == set()
    assert prompts.hold("the result alone")
    assert not prompts.hold("purple elephants dance")


def test_without_templates_nothing_is_ours() -> None:
    assert PromptTexts([]).markers("answer: 3") == set()
    assert PromptTexts(['{% if row.task == "x:" %} say "done:" {% endif %}']).markers("x: 1\ndone: 2") == {"done:"}
