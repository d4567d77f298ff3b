"""Numbers are written the same way on the page and on the terminal."""

import pytest

from distilray.report.numbers import duration, scored, short
from distilray.report.page import figures


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (1.44, "1.4 s"), (9.97, "10 s"), (59.4, "59 s"), (59.6, "1:00"), (75.2, "1:15"), (7200, "2:00:00")],
)
def test_durations(seconds: float, text: str):
    assert duration(seconds) == text
    assert figures.duration(seconds).replace(figures.NBSP, " ") == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1234, "1,234"), (12345, "12.3k"), (1234567, "1.2M"), (2.5e9, "2.5G")]
)
def test_large_numbers_are_shortened(value: float, text: str):
    assert short(value) == figures.short(value) == text


def test_what_is_not_known_is_a_dash():
    assert {figures.duration(None), figures.short(None), figures.number(None)} == {figures.NONE}


def test_a_result_is_written_on_its_scale():
    assert (scored(0.847, 1.0), scored(8.314, 10.0), scored(22.5, 100.0)) == ("84.7%", "8.31", "22.50")
