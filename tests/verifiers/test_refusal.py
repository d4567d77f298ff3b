"""Refusals: phrases that decline, and phrases that only look like it."""

from __future__ import annotations

import pytest

from distilray.verifiers import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I can't help you with that.",
        "I'm sorry, but I can't assist with that.",
        "I'm sorry, but as an AI language model I cannot do this.",
        "I'm afraid I won't be able to do that.",
        "I cannot in good conscience help you with this.",
        "I must decline to answer.",
        "I will not provide recommendations.",
        "对不起，我不能提供这个信息。",
    ],
)
def test_a_refusal(text: str):
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "I can't help but smile.",
        "I cannot help noticing how the light falls.",
        "I can't help it.",
        "I can't wait to share this story with you!",
        "I won't give up on this.",
        "I can't provide enough praise for this film.",
        "I'm sorry to hear that you can't sleep. Try to share less of your evening with a screen.",
        "She looked up. \"I'm sorry, I can't help you,\" she said.",
        "主任淡淡地说：“对不起，你无法离开这里。”",
    ],
)
def test_an_idiom_or_a_quotation_is_none(text: str):
    assert not is_refusal(text)
