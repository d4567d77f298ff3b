"""System turns by name."""

from __future__ import annotations

import pytest

from distilray.prompts import SYSTEM_TURNS, system_turn


def test_a_name_stands_for_the_posts_words_and_a_text_for_itself() -> None:
    assert system_turn("preset:ds3").endswith("You are a helpful assistant. You should think step-by-step.")
    assert system_turn("preset:qwen2.5") == SYSTEM_TURNS["qwen2.5"]
    assert system_turn("Be brief.") == "Be brief."


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(ValueError, match="no system turn 'preset:ds4'; known are preset:qwen2, preset:qwen2.5"):
        system_turn("preset:ds4")
