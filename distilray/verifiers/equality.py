"""Equality of two answers in their parts: numbers, expressions, sets, tuples, intervals, matrices, lists."""

from __future__ import annotations

import re
from itertools import permutations

from distilray.verifiers.closeness import same_number
from distilray.verifiers.expressions import is_formula, number_of, same_expression
from distilray.verifiers.real_sets import same_set
from distilray.verifiers.relations import relation_in, same_relation
from distilray.verifiers.values import Group, Scalar, Value

_LETTER = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{1,3}(?![A-Za-z])|\\(?:alpha|beta|theta|lambda|mu|phi|omega)")

_LOGARITHM = re.compile(r"\\log(?!\s*_)")


def same(one: Value, other: Value, relative: float = 0.0) -> bool:
    """Whether two values are equal; `other` is the reference. Raises TooLarge and Unreadable."""
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return _same_scalar(one, other, relative)
    if isinstance(one, Group) and isinstance(other, Scalar) and one.kind == "list" and len(one.items) <= 3:
        return all(same(item, other, relative) for item in one.items)  # "0.6 or 3/5"
    if isinstance(one, Scalar) or isinstance(other, Scalar):
        return _same_text_of(one, other)
    if _same_parts(one, other, relative):
        return True
    return bool({"interval", "union"} & {one.kind, other.kind}) and same_set(one, other)


def _same_text_of(one: Value, other: Value) -> bool:
    """An inequality or a matrix, and on the other side one that is not written plainly: -x > -1, a sum of matrices."""
    if (isinstance(one, Scalar) and isinstance(other, Scalar)) or not (one.text and other.text):
        return False
    first, second = relation_in(one.text), relation_in(other.text)
    if first and second:
        return same_relation(first, second)
    if (
        "matrix" in (getattr(one, "kind", ""), getattr(other, "kind", ""))
        and "matrix" in one.text
        and "matrix" in other.text
    ):
        return same_expression(one.text, other.text)
    return False


def _same_parts(one: Group, other: Group, relative: float) -> bool:
    if not _same_kind(one, other) or len(one.items) != len(other.items):
        return False
    if one.kind in ("set", "list", "union") and other.kind in ("set", "list", "union"):
        return _same_unordered(list(one.items), list(other.items), relative)
    if _named(one) and _named(other):
        return _same_unordered(list(one.items), list(other.items), relative)
    return all(same(a, b, relative) for a, b in zip(one.items, other.items, strict=True))


def _same_kind(one: Group, other: Group) -> bool:
    kinds = {one.kind, other.kind}
    if "interval" in kinds:
        # (1, 2) reads as a tuple unless an inequality or an infinity on the other side shows that it is an interval.
        return kinds <= {"interval", "tuple", "bracket"} and one.ends == other.ends
    if kinds == {"matrix"}:
        return one.ends == other.ends
    if "matrix" in kinds:  # a column or a row is a vector
        lined = one.ends if one.kind == "matrix" else other.ends
        return kinds <= {"matrix", "tuple", "bracket"} and "1" in lined.split("x")
    if kinds <= {"tuple", "bracket"}:
        return one.ends == other.ends
    return kinds <= {"set", "list"} or kinds <= {"tuple", "list", "bracket"} or kinds == {"union"}


def _named(group: Group) -> bool:
    return all(isinstance(item, Scalar) and item.name for item in group.items)


def _same_unordered(ones: list[Value], others: list[Value], relative: float) -> bool:
    """Match every item with another one; sorted by size first, so that the first try usually fits."""
    if len(ones) <= 4:
        return any(
            all(same(a, b, relative) for a, b in zip(order, others, strict=True)) for order in permutations(ones)
        )
    rest = list(others)
    for item in ones:
        partner = next((other for other in rest if same(item, other, relative)), None)
        if partner is None:
            return False
        rest.remove(partner)
    return True


def _same_scalar(one: Scalar, other: Scalar, relative: float) -> bool:
    if one.equation or other.equation:
        decided = _same_equation(one, other, relative)
        if decided is not None:
            return decided
    if one.exact is not None and other.exact is not None:
        return same_number(one, other, one.exact, other.exact, relative)
    if one.unit and other.unit and one.unit != other.unit:
        return False
    return _same_text(one, other, relative)


def _same_equation(one: Scalar, other: Scalar, relative: float) -> bool | None:
    """What equations come to by themselves; None where the value that a name is given, or a last side, is compared."""
    if not other.equation:
        return None
    if not one.equation:
        # The number on a side of an equation is not that equation.
        return None if other.name or not _LETTER.search(other.equation) else False
    lettered = bool(_LETTER.search(one.text) and _LETTER.search(other.text))
    if one.name and other.name:
        if one.name == other.name or len(one.name) > 1 or len(other.name) > 1:
            return None  # y = 2x+1 and f(x) = 2x+1: what stands on the other side
        if not lettered:
            return False
    elif not (_loose(one) or _loose(other)) and not (lettered and _LETTER.search(one.equation + other.equation)):
        return None
    first, second = relation_in(one.equation), relation_in(other.equation)
    if first and second and is_formula(one.equation) and is_formula(other.equation):
        return same_relation(first, second)
    return None


def _loose(value: Scalar) -> bool:
    """Whether it is an equation between expressions: no name is given a value."""
    return not value.name and bool(_LETTER.search(value.equation))


def _same_text(one: Scalar, other: Scalar, relative: float) -> bool:
    if tight(one.text) == tight(other.text):
        return True
    if not (is_formula(one.text) and is_formula(other.text)):
        return False
    first, second = relation_in(one.text), relation_in(other.text)
    if first or second:
        return bool(first and second and same_relation(first, second))
    if _LOGARITHM.search(one.text + other.text):
        return same_expression(one.text, other.text)  # to whichever base
    numbers = [value.exact if value.exact is not None else number_of(value.text) for value in (one, other)]
    if numbers[0] is not None and numbers[1] is not None:
        return same_number(one, other, numbers[0], numbers[1], relative)
    return same_expression(one.text, other.text)


def tight(text: str) -> str:
    """`text` without spaces and case, "(B)" as "b"."""
    text = re.sub(r"\s+|\\(?=[{}%$])", "", text).casefold()
    return text[1:-1] if len(text) == 3 and text[0] == "(" and text[-1] == ")" else text
