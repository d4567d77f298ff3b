"""When two numbers are equal: rationals exactly, a rounded decimal to the digits that it was given with."""

from __future__ import annotations

from fractions import Fraction

from distilray.verifiers.values import Scalar

_DIGITS = 6  # significant ones that a decimal must have to stand for a number that it only approaches
_NOISE = 12  # digits of a decimal that comes from floating-point arithmetic
_WORKED_OUT = Fraction(1, 10**30)  # an irrational number is known to forty digits


def same_number(one: Scalar, other: Scalar, first: Fraction, second: Fraction, relative: float) -> bool:
    """Whether `first` and `second`, the values of `one` and `other`, are equal, whatever their units and percent."""
    factor, factor_other = Fraction(1), Fraction(1)
    if one.unit and other.unit:
        if one.unit[0] != other.unit[0]:
            return False
        factor, factor_other = one.unit[1], other.unit[1]
    if one.percent != other.percent:  # an answer to "what percentage" is written either way
        scale = (factor * 100, factor_other) if one.percent else (factor, factor_other * 100)
        if _close(first, second, *scale, one, other, relative):
            return True
    return _close(first, second, factor, factor_other, one, other, relative)


def _close(
    first: Fraction,
    second: Fraction,
    factor: Fraction,
    factor_other: Fraction,
    one: Scalar,
    other: Scalar,
    relative: float,
) -> bool:
    a, b = (first, second) if factor == factor_other == 1 else (first * factor, second * factor_other)
    if a == b:
        return True
    if (
        one.decimals is None
        and other.decimals is None
        and not relative
        and one.exact is not None
        and other.exact is not None
    ):
        return False
    off, size = abs(a - b), max(abs(a), abs(b))
    if relative and off <= Fraction(relative) * abs(b):
        return True
    if (one.exact is None or other.exact is None) and off <= _WORKED_OUT * size:
        return True
    if max(one.digits, other.digits) >= _NOISE and off * 10**11 <= size:
        return True
    step, step_other = _step(one) * factor, _step(other) * factor_other
    if step and (not step_other or step > step_other) and other.decimals != one.decimals:
        return _stands_for(a, b, step)
    if step_other and step != step_other and other.decimals != one.decimals:
        return _stands_for(b, a, step_other)
    return False


def _step(value: Scalar) -> Fraction:
    """What one unit in the last place of a decimal is worth; 0 for a number that is not rounded."""
    if value.decimals is None or value.digits < _DIGITS:
        return Fraction(0)
    return Fraction(1, 10**value.decimals) / (100 if value.percent else 1)


def _stands_for(decimal: Fraction, value: Fraction, step: Fraction) -> bool:
    """Whether `decimal` is `value` rounded or cut to its digits."""
    off = abs(decimal - value)
    return 2 * off <= step or (off < step and abs(decimal) < abs(value))
