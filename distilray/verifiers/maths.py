"""Maths: is the final answer the same as the reference, however both are written?

Numbers, units, sets, tuples, intervals and matrices are taken apart here and compared exactly; expressions and
equations are read by math-verify, which parses LaTeX into SymPy. The last resort is equality of the texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from distilray.verifiers.closing import closing, is_bare_formula
from distilray.verifiers.equality import same, tight
from distilray.verifiers.exact import TooLarge
from distilray.verifiers.expressions import Unreadable, sympy_of
from distilray.verifiers.extract import find
from distilray.verifiers.figures import numbers_in
from distilray.verifiers.found import Found
from distilray.verifiers.notation import plain_latex
from distilray.verifiers.values import Scalar, read_value
from distilray.verifiers.verdict import Verdict, right, shorten, undecided, wrong

_PROSE = re.compile(r"(?<![A-Za-z'])(?:[A-Za-z]{3,}\s+[A-Za-z]|[A-Za-z']{2,}\s+[A-Za-z']{2,})|[一-鿿]")
_STATES = re.compile(r"\b(?:is|it|so|we|he|to|of|in|at|as|by|be|US)\b|^\W*(?:A|Q)\W*[:：]|answer|result", re.IGNORECASE)
_LEADING = re.compile(
    r"(?:approximately|about|exactly|roughly|only|just|a\s+total\s+of)?\s*([$€£¥]?\s?-?\d[\d,]*(?:\.\d+)?(?:/\d+)?\s?%?)"
    r"(?=\s+[a-zA-Z])(?!\s+\d)(?!\s*(?:and|or|to)\b)(?!.*(?:=|\b(?:equals?|is|are|makes?)\b))"
)
_NO_VALUE = frozenset(["nan", "none", "null", "n/a", "<na>"])


def verify_maths(answer: str, reference: str | int | float | Sequence[str], *, relative: float = 0.0) -> Verdict:
    """Whether `answer` (a text that ends in an answer, or just the answer) is equivalent to `reference`.

    `reference` may be a worked solution itself (its box or `####` line counts), or a list of references, one of
    which must be met. `relative` widens what counts as equal numbers, 0.01 for one percent.
    """
    listed = list(reference) if isinstance(reference, (list, tuple)) else [reference]
    for place, one in enumerate(listed, 1):
        if _is_no_value(one):
            where = f"reference {place} of {len(listed)}" if len(listed) > 1 else "the reference"
            return undecided(f"{where} is {one}, which is no value")
    references = [str(one) for one in listed if one is not None and str(one).strip()]
    if not references:
        return undecided("no reference")
    found = _alone(answer) or find(answer) or (Found(answer.strip(), "whole text") if answer.strip() else None)
    if found is None:
        return undecided("no final answer found")
    expected = [_reference(one) for one in references]
    try:
        return _verdict(found, expected, relative, prose=bool(_PROSE.search(answer)))
    except TooLarge:
        return undecided(
            "no verdict within reach: a number is too large to be worked out", extracted=found.answer, found=found.how
        )
    except Unreadable as error:
        return undecided(f"{shorten(error)} cannot be read as a formula", extracted=found.answer, found=found.how)


def load_math_verify(reference: object) -> None:
    """Import SymPy and math-verify, and let its parser learn the commonest forms: it takes seconds over the first."""
    for formula in (r"\frac{x(x+1)}{2}", r"2\sqrt{3}-x^{2}", r"\sin 2x"):
        sympy_of(formula)


def _alone(answer: str) -> Found | None:
    """An answer that is nothing but a value: `4x+5`, `(0, 0)`, `-8, 1`."""
    text = answer.strip()
    if (
        "\n" in text
        or "box" in text
        or "##" in text
        or "</" in text
        or _STATES.search(text)
        or not is_bare_formula(text)
    ):
        return None
    return Found(text, "whole text")


def _is_no_value(reference: object) -> bool:
    if isinstance(reference, float):
        return not math.isfinite(reference)
    return isinstance(reference, str) and reference.strip().casefold() in _NO_VALUE


def _verdict(found: Found, expected: list[str], relative: float, *, prose: bool) -> Verdict:
    for one in expected:
        met = _means(found, one, relative)
        if met is None:
            return undecided(f"{shorten(found.answer)} does not say which of its numbers is meant", found=found.how)
        if met:
            return right(f"{shorten(found.answer)} equals {shorten(one)}", extracted=found.answer, found=found.how)
    if found.how == "whole text" and prose:
        return undecided("no final answer found")
    for other in found.others:
        if any(_means(Found(other, found.how), one, relative) for one in expected):
            reason = f"the answer ends on {shorten(found.answer)} and names {shorten(other)}, too: none is stated"
            return undecided(reason, found=found.how)
    return wrong(f"{shorten(found.answer)} is not {shorten(expected[0])}", extracted=found.answer, found=found.how)


def _reference(text: str) -> str:
    """A worked solution's answer; a bare reference as it is."""
    if "\\boxed" in text or "####" in text or "<answer>" in text or "\n" in text.strip():
        found = find(text)
        return found.answer if found and found.settled else text
    return text


def _means(found: Found, expected: str, relative: float) -> bool | None:
    """Whether what was found is `expected`; None where it is prose with several numbers of which that is one."""
    gold, given = plain_latex(expected), plain_latex(found.answer)
    if tight(given) == tight(gold):
        return found.settled or None
    gold_value, value = read_value(gold), read_value(given)
    if same(value, gold_value, relative):
        return found.settled or None
    # "还剩9页" or "she has 10 dollars left": prose around the one number that the reference is.
    if isinstance(gold_value, Scalar) and _PROSE.search(given):
        if found.how == "announced" and (leading := _LEADING.match(found.answer)):
            return same(read_value(plain_latex(leading[1])), gold_value, relative)
        numbers = list(dict.fromkeys(number.text for number in numbers_in(given)))
        met = [number for number in numbers if _in_prose(given, number, gold_value, relative)]
        if met and len(numbers) > 1:
            stated = closing(found.answer)
            if stated is None or not stated.settled:
                return None
            return _in_prose(given, plain_latex(stated.answer), gold_value, relative)
        return bool(met)
    return False


def _in_prose(given: str, number: str, gold: Scalar, relative: float) -> bool:
    with_unit = given[max(given.rfind(number), 0) :]
    if with_unit.count("}") > with_unit.count("{"):
        with_unit = number  # 8\sqrt{3} square inches
    return any(same(read_value(plain_latex(one)), gold, relative) for one in (with_unit, number))
