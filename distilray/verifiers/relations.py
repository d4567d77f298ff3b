r"""Equations and inequalities: the same up to scale, the order of sides, and what both sides share.

2x+4y-3=0      y=-x/2+3/4      the second's left side less its right one is a quarter of the first's
x>3            3<x             the same, and so is 2x>6; x>-3 is not
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, NamedTuple

from distilray.verifiers.expressions import Unreadable, refuse_what_is_large, same_expression, sympy_of

_SIGN = re.compile(r"\\(?:le|ge|ne)(?![a-zA-Z])|[<>=]")
_HIGHEST = 12  # the degree up to which a difference is expanded
_FLIP = {"<": ">", "\\le": "\\ge"}


class Relation(NamedTuple):
    """Left side, sign (`=`, `>`, `\\ge`, `\\ne`; `<` is turned around) and right side, as they are written."""

    left: str
    sign: str
    right: str


def relation_in(text: str) -> Relation | None:
    """The one relation that `text` is; None for a chain or a formula."""
    signs = [match for match in _SIGN.finditer(text) if _outside(text, match.start())]
    if len(signs) != 1:
        return None
    left, right = text[: signs[0].start()].strip(), text[signs[0].end() :].strip()
    if not left or not right:
        return None
    if signs[0][0] in _FLIP:
        return Relation(right, _FLIP[signs[0][0]], left)
    return Relation(left, signs[0][0], right)


def sides_of(text: str) -> list[str]:
    """The sides of an equation or of a chain of them, those in brackets not counted."""
    places = [-1, *(place for place, here in enumerate(text) if here == "=" and _outside(text, place)), len(text)]
    return [text[one + 1 : other].strip() for one, other in pairwise(places)]


def _outside(text: str, place: int) -> bool:
    before = text[:place]
    return all(before.count(opening) <= before.count(closing) for opening, closing in ("()", "[]", "{}"))


def same_relation(one: Relation, other: Relation) -> bool:
    """Whether the two hold for the same values. Raises Unreadable and TooLarge."""
    if one.sign != other.sign:
        return False
    if _same_sides(one, other) or (
        one.sign in ("=", "\\ne") and _same_sides(one, other._replace(left=other.right, right=other.left))
    ):
        return True
    ratio = _ratio(one, other)
    return ratio is not None and (ratio > 0 or one.sign in ("=", "\\ne"))


def _same_sides(one: Relation, other: Relation) -> bool:
    return same_expression(one.left, other.left) and same_expression(one.right, other.right)


def _ratio(one: Relation, other: Relation) -> Any:
    """The constant by which the difference of the sides of the one is the other's, as polynomials; None if none is."""
    from sympy import Expr, Poly, PolynomialError, Pow, fraction, postorder_traversal, together

    polynomials = []
    for relation in (one, other):
        sides = [sympy_of(side) for side in (relation.left, relation.right)]
        if not all(isinstance(side, Expr) for side in sides):
            raise Unreadable(" ".join(relation))
        for side in sides:
            refuse_what_is_large(side)
        above, below = fraction(together((sides[0] - sides[1]).doit()))
        if below.free_symbols and one.sign not in ("=", "\\ne"):
            return None  # its sign decides the direction
        polynomials.append(above if below.free_symbols else above / below)
    symbols = sorted(polynomials[0].free_symbols | polynomials[1].free_symbols, key=str)
    if not symbols:
        return None
    powers = [node.exp for part in polynomials for node in postorder_traversal(part) if isinstance(node, Pow)]
    try:
        if any(power.is_number and power > _HIGHEST for power in powers):
            return _evaluated_ratio(polynomials, symbols)  # expanding it could take long
        terms = [dict(Poly(polynomial, *symbols).terms()) for polynomial in polynomials]
    except PolynomialError:
        return _evaluated_ratio(polynomials, symbols)
    if set(terms[0]) != set(terms[1]):
        return None
    ratios = [(terms[0][power] / terms[1][power]) for power in terms[0]]
    if all(ratio.is_number and abs((ratio - ratios[0]).evalf(30)) < 10**-20 for ratio in ratios):
        return ratios[0].evalf(30)
    return None


def _evaluated_ratio(parts: list[Any], symbols: list[Any]) -> Any:
    """The same for what is no polynomial, at a few points: sides with roots, powers or functions."""
    from sympy import Rational

    ratios = []
    for point in ((137, 59, 241, 83, 311), (71, 229, 103, 347, 191), (163, 97, 53, 211, 131)):
        at = {symbol: Rational(point[k % 5] + 11 * (k // 5), 89) for k, symbol in enumerate(symbols)}
        one, other = (part.evalf(30, subs=at) for part in parts)
        if not (one.is_number and other.is_number) or abs(other) < 10**-12:
            return None
        ratios.append((one / other).evalf(30))
    if all(abs(ratio - ratios[0]) < abs(ratios[0]) * 10**-18 for ratio in ratios) and ratios[0].is_real:
        return ratios[0]
    return None
