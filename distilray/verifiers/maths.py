"""Maths: is the final answer the same as the reference, however both are written?

Numbers, units, sets, tuples, intervals and matrices are taken apart here and compared exactly; expressions and
equations go to math-verify, which parses LaTeX into SymPy. The last resort is equality of the texts.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations

from distilray.verifiers.extract import Found, find, last_number, numbers_in
from distilray.verifiers.notation import plain_latex
from distilray.verifiers.values import Group, Scalar, Value, read_value
from distilray.verifiers.verdict import Verdict, right, shorten, undecided, wrong

_DIGITS = 6  # decimals to which a rounded answer must agree, as math-verify's default
_PROSE = re.compile(r"[A-Za-z]{3,}(?:\s+[A-Za-z]+)+|[一-鿿]")


def verify_maths(answer: str, reference: str | int | float | Sequence[str], *, relative: float = 0.0) -> Verdict:
    """Whether `answer` (a text that ends in an answer, or just the answer) is equivalent to `reference`.

    `reference` may be a worked solution itself (its box or `####` line counts), or a list of references, one of
    which must be met. `relative` widens what counts as equal numbers, 0.01 for one percent.
    """
    references = [str(one) for one in reference] if isinstance(reference, (list, tuple)) else [str(reference)]
    references = [one for one in references if one.strip()]
    if not references:
        return undecided("no reference")
    found = find(answer) or (Found(answer.strip(), "whole text") if answer.strip() else None)
    if found is None:
        return undecided("no final answer found")
    for one in references:
        expected = _reference(one)
        if _means(found, expected, relative):
            return right(f"{shorten(found.answer)} equals {shorten(expected)}", extracted=found.answer, found=found.how)
    if found.how == "whole text" and _PROSE.search(answer):
        return undecided("no final answer found")
    reason = f"{shorten(found.answer)} is not {shorten(_reference(references[0]))}"
    return wrong(reason, extracted=found.answer, found=found.how)


def load_math_verify(reference: object) -> None:
    """Import SymPy and math-verify, which take seconds."""
    import math_verify  # noqa: F401


def _reference(text: str) -> str:
    """A worked solution's answer; a bare reference as it is."""
    if "\\boxed" in text or "####" in text or "<answer>" in text:
        found = find(text)
        return found.answer if found else text
    return text


def _means(found: Found, expected: str, relative: float) -> bool:
    gold = plain_latex(expected)
    given = plain_latex(found.answer)
    if _tight(given) == _tight(gold):
        return True
    gold_value, value = read_value(gold), read_value(given)
    if same(value, gold_value, relative):
        return True
    # "还剩9页" or "she has 10 dollars left": prose around the one number that the reference is.
    if isinstance(gold_value, Scalar) and gold_value.exact is not None and _PROSE.search(given):
        numbers = numbers_in(given)
        if len(set(numbers)) == 1 or (numbers and found.how != "boxed"):
            number = last_number(given) or ""
            with_unit = given[given.rindex(number) :]
            return any(same(read_value(plain_latex(one)), gold_value, relative) for one in (with_unit, number))
    return False


def same(one: Value, other: Value, relative: float = 0.0) -> bool:
    """Whether two values are equal; `other` is the reference."""
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return _same_scalar(one, other, relative)
    if isinstance(one, Scalar) or isinstance(other, Scalar):
        return False
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
    if "matrix" in kinds:
        return False
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
    if one.name and other.name and one.name != other.name and len(one.name) == len(other.name) == 1:
        return False
    if one.exact is not None and other.exact is not None:
        return _same_number(one, other, relative)
    if one.unit and other.unit and one.unit != other.unit:
        return False
    if _tight(one.text) == _tight(other.text):
        return True
    return _same_expression(one, other, relative)


def _same_number(one: Scalar, other: Scalar, relative: float) -> bool:
    assert one.exact is not None and other.exact is not None
    first, second = one.exact, other.exact
    if one.unit and other.unit:
        if one.unit[0] != other.unit[0]:
            return False
        first, second = first * one.unit[1], second * other.unit[1]
    if one.percent != other.percent:
        scaled = (first * 100, second) if one.percent else (first, second * 100)
        if _close(*scaled, one, other, relative):
            return True
    return _close(first, second, one, other, relative)


def _close(first: Fraction, second: Fraction, one: Scalar, other: Scalar, relative: float) -> bool:
    if first == second:
        return True
    if relative and abs(first - second) <= Fraction(relative) * abs(second):
        return True
    decimals = [value.decimals for value in (one, other) if value.decimals is not None]
    return bool(decimals) and max(decimals) >= _DIGITS and abs(first - second) <= Fraction(6, 10 ** (_DIGITS + 1))


def _same_expression(one: Scalar, other: Scalar, relative: float) -> bool:
    """By math-verify, on SymPy. Its own time-outs are off: the worker's deadline ends what takes too long."""
    if not (_mathematical(one.text) and _mathematical(other.text)):
        return False
    from math_verify import LatexExtractionConfig, parse, verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)
    config = [LatexExtractionConfig(boxed_match_priority=-1)]

    def sympy_of(value: Scalar) -> list:
        return parse(f"${value.text}$", config, fallback_mode="no_fallback", parsing_timeout=None)  # type: ignore[arg-type]

    given, gold = sympy_of(one), sympy_of(other)
    if not given or not gold:
        return False
    if verify(gold, given, float_rounding=_DIGITS, timeout_seconds=None):
        return True
    if _imaginary(given) != _imaginary(gold):
        # e^{i\\pi} against -1: math-verify took i for a variable
        given, gold = [_with_i(part) for part in given], [_with_i(part) for part in gold]
        return verify(gold, given, float_rounding=_DIGITS, timeout_seconds=None)
    if relative:
        difference = abs(complex(given[0].evalf()) - complex(gold[0].evalf()))
        return difference <= relative * abs(complex(gold[0].evalf()))
    return False


def _imaginary(parsed: list) -> bool:
    return any(str(symbol) == "i" for part in parsed for symbol in getattr(part, "free_symbols", ()))


def _with_i(part):
    from sympy import I

    return (
        part.subs({symbol: I for symbol in getattr(part, "free_symbols", ()) if str(symbol) == "i"})
        if _imaginary([part])
        else part
    )


def _mathematical(text: str) -> bool:
    """Whether a parser of formulas can handle it: no prose, no Chinese."""
    words = re.sub(r"\\[a-zA-Z]+", "", text)
    return bool(re.search(r"[\d\\a-zA-Z]", text)) and not re.search(r"[一-鿿]|[a-zA-Z]{4,}", words)


def _tight(text: str) -> str:
    text = re.sub(r"\s+|\\(?=[{}%$])", "", text).casefold()
    return text[1:-1] if len(text) == 3 and text[0] == "(" and text[-1] == ")" else text
