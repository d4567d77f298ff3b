"""Prompts that name the student's size."""

from __future__ import annotations

import pytest

from distilray.prompts import EXTEND_TRACE, RATE_TRACE, REWRITE, SHORTEN_TRACE, Prompt, sized
from distilray.rows import Row

PROMPTS = [RATE_TRACE, SHORTEN_TRACE, EXTEND_TRACE, REWRITE]


def system(prompt: Prompt, language: str) -> str:
    row = Row({"id": "r", "language": language, "messages": [{"role": "user", "content": "3+4=?"}]})
    return prompt.messages(row, trace="7", answer="7")[0]["content"]


@pytest.mark.parametrize("prompt", PROMPTS, ids=repr)
def test_the_size_takes_the_place_of_small_in_both_languages(prompt: Prompt) -> None:
    big = sized(prompt, "7B")
    assert "a small model" in system(prompt, "en") and "小模型" in system(prompt, "zh")
    assert "a 7B model" in system(big, "en") and "a small model" not in system(big, "en")
    assert "7B规模的模型" in system(big, "zh") and "小模型" not in system(big, "zh")
    assert "an 8B model" in system(sized(prompt, "8B"), "en")


@pytest.mark.parametrize("prompt", PROMPTS, ids=repr)
def test_it_is_another_prompt_with_the_same_parser_and_without_a_size_the_same_one(prompt: Prompt) -> None:
    big = sized(prompt, "7B")
    assert sized(prompt, None) is prompt and sized(prompt, "7B") is big
    assert (big.name, big.parse, big.constraint) == (prompt.name, prompt.parse, prompt.constraint)
    assert big.hash != prompt.hash and sized(prompt, "14B").hash != big.hash
