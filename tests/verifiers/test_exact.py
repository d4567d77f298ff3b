"""Exact arithmetic on numeric expressions, and what is too large for it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from distilray.verifiers.exact import TooLarge, exact_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2^{70}", Fraction(2**70)),
        (r"\frac{1}{2^{70}}", Fraction(1, 2**70)),
        (r"\frac{5}{3\cdot 2^{60}}", Fraction(5, 3 * 2**60)),
        ("2^{-3}", Fraction(1, 8)),
        ("-2^{2}", Fraction(-4)),
        ("2^{3}^{2}", Fraction(512)),
        ("10!", Fraction(3628800)),
        (r"\binom{5}{2}", Fraction(10)),
        (r"\sqrt{16}", Fraction(4)),
        (r"\sqrt[3]{27}", Fraction(3)),
        (r"3 \times 4 + 1 \div 2", Fraction(25, 2)),
        ("2(3)(4)", Fraction(24)),
        ("3.5^{2}", Fraction(49, 4)),
    ],
)
def test_a_rational_value(text: str, value: Fraction):
    assert exact_value(text) == value


@pytest.mark.parametrize("text", ["", "x", r"\sqrt{2}", "1/0", "0^{-1}", "((((", "5 6", r"\pi", "(-1)!"])
def test_what_is_no_rational_number_has_none(text: str):
    assert exact_value(text) is None


@pytest.mark.parametrize("text", ["10^{10^{10}}", "9^{9^{9^{9}}}", "100000000!", r"\binom{100000}{50000}"])
def test_what_would_take_too_long_is_refused(text: str):
    with pytest.raises(TooLarge):
        exact_value(text)
