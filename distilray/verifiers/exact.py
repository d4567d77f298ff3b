r"""Exact values of numeric expressions in plain LaTeX: 2^{70}, \frac{1}{40!}, 3\cdot 10^{-8}, \binom{5}{2}.

Only rational arithmetic, so that two values are compared as they are; roots, letters and functions are left to SymPy.
What would take more than a few thousand digits is refused before it is worked out.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

_TOKEN = re.compile(
    r"\s*(\d+(?:\.\d*)?|\.\d+|\\(?:frac|binom|times|cdot|div|sqrt)(?![A-Za-z])|[-+*/^!(){}\[\]])", re.ASCII
)
_LIKELY = re.compile(r"[\d\s.+*/^!(){}\[\]-]*(?:\\(?:frac|binom|times|cdot|div|sqrt)[\d\s.+*/^!(){}\[\]-]*)*", re.ASCII)
_BITS = 40_000
_FACTORIAL = 3_000
_DEPTH = 60


class TooLarge(Exception):
    """A number with more digits than a check may work out."""


def exact_value(text: str) -> Fraction | None:
    """The rational number that `text` comes to; None if it is anything else. Raises TooLarge."""
    if len(text) > 400 or not _LIKELY.fullmatch(text) or not re.search(r"\d", text):
        return None
    tokens = _TOKEN.findall(text)
    try:
        value, end = _sum(tokens, 0, 0)
    except (IndexError, ValueError, ZeroDivisionError):
        return None
    return value if end == len(tokens) else None


def _sum(tokens: list[str], at: int, depth: int) -> tuple[Fraction, int]:
    if depth > _DEPTH:
        raise ValueError("nested too deeply")
    value, at = _product(tokens, at, depth)
    while at < len(tokens) and tokens[at] in "+-":
        other, after = _product(tokens, at + 1, depth)
        value, at = value + (other if tokens[at] == "+" else -other), after
    return value, at


def _product(tokens: list[str], at: int, depth: int) -> tuple[Fraction, int]:
    if tokens[at] in ("-", "+"):
        value, after = _product(tokens, at + 1, depth + 1)
        return (-value if tokens[at] == "-" else value), after
    value, at = _power(tokens, at, depth)
    while at < len(tokens):
        sign = tokens[at]
        if sign in ("*", "\\times", "\\cdot", "/", "\\div"):
            negative = tokens[at + 1] == "-"
            other, at = _power(tokens, at + 1 + negative, depth)
            other = -other if negative else other
            value = value / other if sign in ("/", "\\div") else value * other
        elif sign in ("(", "\\frac", "\\binom") or (sign[0].isdigit() and tokens[at - 1] == ")"):
            other, at = _power(tokens, at, depth)
            value *= other
        else:
            break
        _within(value)
    return value, at


def _power(tokens: list[str], at: int, depth: int) -> tuple[Fraction, int]:
    value, at = _atom(tokens, at, depth)
    while at < len(tokens) and tokens[at] in ("!", "^"):
        if tokens[at] == "!":
            if value.denominator != 1 or value < 0:
                raise ValueError("a factorial of no natural number")
            if value > _FACTORIAL:
                raise TooLarge
            value, at = Fraction(math.factorial(int(value))), at + 1
            continue
        exponent, at = _power(tokens, at + 1, depth + 1) if tokens[at + 1] != "-" else _negated(tokens, at + 2, depth)
        value = _raised(value, exponent)
    return value, at


def _negated(tokens: list[str], at: int, depth: int) -> tuple[Fraction, int]:
    value, at = _power(tokens, at, depth + 1)
    return -value, at


def _raised(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        root = _root(base, exponent.denominator)
        base, exponent = root, Fraction(exponent.numerator)
    if base in (0, 1, -1):
        return base ** int(exponent)  # 0 to a negative power: ZeroDivisionError
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent) * bits > _BITS:
        raise TooLarge
    return base ** int(exponent)


def _root(value: Fraction, degree: int) -> Fraction:
    """The rational root; ValueError if it is irrational (SymPy's business)."""
    if value < 0 or degree > 60:
        raise ValueError("no rational root")
    parts = []
    for part in (value.numerator, value.denominator):
        root = math.isqrt(part) if degree == 2 else round(part ** (1 / degree)) if part < 10**300 else 0
        if root**degree != part:
            raise ValueError("an irrational root")
        parts.append(root)
    return Fraction(parts[0], parts[1])


def _atom(tokens: list[str], at: int, depth: int) -> tuple[Fraction, int]:
    token = tokens[at]
    if token[0].isdigit() or (token[0] == "." and len(token) > 1):
        if len(token) > 4000:
            raise TooLarge
        return Fraction(token), at + 1
    if token in "({[":
        value, after = _sum(tokens, at + 1, depth + 1)
        if tokens[after] != {"(": ")", "{": "}", "[": "]"}[token]:
            raise ValueError("unbalanced")
        return value, after + 1
    if token in ("\\frac", "\\binom"):
        above, at = _atom(tokens, at + 1, depth + 1)
        below, at = _atom(tokens, at, depth + 1)
        return (above / below if token == "\\frac" else _binomial(above, below)), at
    if token == "\\sqrt":
        degree, at = (2, at + 1) if tokens[at + 1] != "[" else (int(tokens[at + 2]), at + 4)
        value, at = _atom(tokens, at, depth + 1)
        return _root(value, degree), at
    raise ValueError(token)


def _binomial(above: Fraction, below: Fraction) -> Fraction:
    if above.denominator != 1 or below.denominator != 1 or not 0 <= below <= above:
        raise ValueError("no binomial coefficient")
    if above > _FACTORIAL:
        raise TooLarge
    return Fraction(math.comb(int(above), int(below)))


def _within(value: Fraction) -> None:
    if value.numerator.bit_length() + value.denominator.bit_length() > 2 * _BITS:
        raise TooLarge
