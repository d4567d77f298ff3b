"""A student follows a trace if it finds the answer where the trace stops short of saying it."""

from __future__ import annotations

import pytest

from distilray.steps.shared.following import without_conclusion
from tests.support.planted import GOOD


@pytest.mark.parametrize(
    ("trace", "left"),
    [
        (GOOD, GOOD.removesuffix("\n\nanswer: 861")),
        ("482+379\n\n861", "482+379"),
        ("482+379\n\nSo the answer is 861.\n\nLet me check: 861-379=482, right.", "482+379"),
        ("Add.\n\nThus \\boxed{861}.\n\nDone.", "Add."),
        ("all in one paragraph, answer: 861", ""),
    ],
)
def test_the_conclusion_is_taken_away(trace: str, left: str) -> None:
    assert without_conclusion(trace) == left
