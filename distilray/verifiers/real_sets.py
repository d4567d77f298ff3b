r"""Sets of real numbers as unions of intervals: \mathbb{R}, (-\infty,0)\cup(0,\infty), x \ne 0, \{x \mid x>3\}."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import NamedTuple

from distilray.verifiers.expressions import number_of
from distilray.verifiers.values import Scalar, Value

_CLOSE = Fraction(1, 10**25)


class _Piece(NamedTuple):
    """An interval; an end that belongs to it sorts as the outer one."""

    low: Fraction | float
    open_below: bool
    high: Fraction | float
    closed_above: bool


def same_set(one: Value, other: Value) -> bool:
    """Whether two sets of real numbers are the same, however their parts are written."""
    given, gold = _pieces(one), _pieces(other)
    if given is None or gold is None or len(given) != len(gold):
        return False
    return all(
        a.open_below == b.open_below
        and a.closed_above == b.closed_above
        and _near(a.low, b.low)
        and _near(a.high, b.high)
        for a, b in zip(given, gold, strict=True)
    )


def _near(one: Fraction | float, other: Fraction | float) -> bool:
    if isinstance(one, float) or isinstance(other, float):  # an infinity
        return one == other
    return abs(one - other) <= _CLOSE * max(abs(one), abs(other))


def _pieces(value: Value) -> list[_Piece] | None:
    """The intervals of a set from left to right, those that touch as one; None for what is no such set."""
    found = _parts(value)
    if found is None:
        return None
    joined: list[_Piece] = []
    for piece in sorted(found):
        last = joined[-1] if joined else None
        if last and (piece.low < last.high or (piece.low == last.high and (last.closed_above or not piece.open_below))):
            if (piece.high, piece.closed_above) > (last.high, last.closed_above):
                joined[-1] = last._replace(high=piece.high, closed_above=piece.closed_above)
        else:
            joined.append(piece)
    return joined


def _parts(value: Value) -> list[_Piece] | None:
    if isinstance(value, Scalar):
        return None
    if value.kind in ("union", "list"):
        parts = [_parts(item) for item in value.items]
        return None if None in parts else [piece for part in parts for piece in part or ()]
    ends = [_end(item) for item in value.items]
    if value.kind == "set":
        return None if None in ends else [_Piece(end, False, end, True) for end in ends if end is not None]
    if value.kind not in ("interval", "tuple", "bracket") or len(ends) != 2:
        return None
    low, high = ends
    if low is None or high is None or low > high:
        return None
    return [_Piece(low, value.ends[0] == "(" or low == -math.inf, high, value.ends[1] == "]" and high != math.inf)]


def _end(item: Value) -> Fraction | float | None:
    if not isinstance(item, Scalar) or item.unit:
        return None
    if match := re.fullmatch(r"([+-]?)\s*\\infty", item.text):
        return -math.inf if match[1] == "-" else math.inf
    return item.exact if item.exact is not None else number_of(item.text)
