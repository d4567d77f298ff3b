r"""Expressions that are no plain numbers: read by math-verify into SymPy, compared by their values.

Two expressions are equal if they agree, to 25 digits and relative to their size, wherever they are evaluated: as they
are if they have no variables, else at points that are the same in every check. Nothing is simplified, so that no check
waits for a search that may not end.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from distilray.verifiers.exact import TooLarge, exact_value

_AGREE = Fraction(1, 10**25)
_DIGITS = 40
_POSITIVE = ((137, 59, 241, 83, 311, 173), (71, 229, 103, 347, 191, 61))
_SIGNED = ((-113, 181, -67, 277, -149, 97), (43, -157, 199, -89, 263, -211))
_LARGEST = 100_000
"""Exponents and factorials beyond are not worked out."""
_LONGEST, _DEEPEST = 600, 25
"""Characters, and brackets within brackets, up to which a formula is parsed: the parser's time grows with both."""
_SHALLOW, _TALLEST = 11, 60  # parts within parts of an expression that is evaluated by SymPy's evalf, or at all
_LARGEST_EXACT = 60
_TRIGONOMETRIC = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)")
_DECIMAL = re.compile(r"(?<![\d.])(\d*)\.(\d+)(?![\d.])")
_IMAGINARY = re.compile(r"(?<![\\A-Za-z_{])i(?![A-Za-z])|(?<![A-Za-z])\\?i(?=\\)|(?<=\{)i(?=[\\}^])")


_STRANGE = (TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError, RecursionError)


class Unreadable(Exception):
    """A formula that math-verify cannot read, so that nothing can be said about it but that its text is another."""


def is_formula(text: str) -> bool:
    """Whether a parser of formulas can be asked: no prose, no Chinese."""
    words = re.sub(r"\\[a-zA-Z]+", "", text)
    return bool(re.search(r"[\d\\a-zA-Z]", text)) and not re.search(r"[一-鿿]|[a-zA-Z]{4,}|\d:\d\d [ap]m", words)


def number_of(text: str) -> Fraction | None:
    """The real number that an expression without variables comes to, rational or to 40 digits. Raises TooLarge."""
    exact = exact_value(text)
    if exact is not None or not is_formula(text):
        return exact
    expression = sympy_of(text)
    if expression is None or _symbols(expression):
        return None
    try:
        value = _value(expression, {})
    except _STRANGE:
        return None
    return value[0] if value and not value[1] else None


@lru_cache(maxsize=1024)
def sympy_of(text: str) -> Any:
    """What math-verify makes of a formula, unevaluated; None where it cannot read it, or not in good time."""
    if len(text) > _LONGEST or depth_of(text) > _DEEPEST:
        return None
    from math_verify import LatexExtractionConfig, parse

    logging.getLogger("math_verify").setLevel(logging.ERROR)
    if "°" in text:
        text = text.replace("°", r"\cdot\frac{\pi}{180}" if _TRIGONOMETRIC.search(text) else "")
    text = _DECIMAL.sub(lambda match: rf"\frac{{{match[1]}{match[2]}}}{{1{'0' * len(match[2])}}}", text)
    config = LatexExtractionConfig(boxed_match_priority=-1)
    # Its own removal of units takes the t of 2t for one.
    config = replace(config, normalization_config=replace(config.normalization_config, units=False))
    parsed = parse(f"${text}$", [config], fallback_mode="no_fallback", parsing_timeout=None)  # type: ignore[arg-type]
    return parsed[0] if parsed and not isinstance(parsed[0], str) else None


def depth_of(text: str) -> int:
    """How many brackets stand within each other, at most."""
    depth = deepest = 0
    for here in text:
        depth += (here in "([{") - (here in ")]}")
        deepest = max(deepest, depth)
    return deepest


def same_expression(one: str, other: str, tolerance: Fraction = _AGREE) -> bool:
    """Whether two formulas have the same value, wherever they have one. Raises Unreadable and TooLarge."""
    first, second = sympy_of(one), sympy_of(other)
    if first is None or second is None:
        raise Unreadable(one if first is None else other)
    try:
        if first == second:
            return True
        return any(_same(*reading, tolerance) for reading in _readings(first, second, f"{one} {other}"))
    except _STRANGE as error:  # SymPy's parts raise these on formulas that mean nothing
        raise Unreadable(one) from error


def _readings(one: Any, other: Any, text: str) -> Iterator[tuple[Any, Any]]:
    """The two as they are; with i as the imaginary unit; with a logarithm without a base as the natural one."""
    from sympy import E, I, log

    yield one, other
    if _IMAGINARY.search(text):
        units = {symbol: I for symbol in _symbols(one) | _symbols(other) if str(symbol) == "i"}
        if units:
            yield one.subs(units), other.subs(units)
    if re.search(r"\\log(?!\s*_)", text):

        def common(node: Any) -> bool:
            return node.func == log and len(node.args) == 2 and node.args[1] == 10

        yield tuple(part.replace(common, lambda node: log(node.args[0], E)) for part in (one, other))  # type: ignore[misc]


def _symbols(expression: Any) -> set[Any]:
    return getattr(expression, "free_symbols", set())


def _same(one: Any, other: Any, tolerance: Fraction) -> bool:
    """Whether the two agree at every point where both have a value; where they have none, math-verify decides."""
    from sympy import Expr, Rational

    symbols = sorted(_symbols(one) | _symbols(other), key=str)
    compared = False
    if isinstance(one, Expr) and isinstance(other, Expr):
        for point in (*_POSITIVE, *_SIGNED) if symbols else ((),):
            at = {symbol: Rational(point[k % 6] + 7 * (k // 6), 89) for k, symbol in enumerate(symbols)}
            first, second = _value(one, at), _value(other, at)
            if first is None or second is None or (point in _SIGNED and (first[1] or second[1])):
                continue  # outside of a root's or a logarithm's domain
            if not _agree(first, second, tolerance):
                return False
            compared = True
    if compared:
        return True
    from math_verify import verify

    return bool(verify([other], [one], timeout_seconds=None))


def _agree(one: tuple[Fraction, Fraction], other: tuple[Fraction, Fraction], tolerance: Fraction) -> bool:
    size = max(abs(part) for part in (*one, *other))
    return all(abs(a - b) <= tolerance * size for a, b in zip(one, other, strict=True))


def _value(expression: Any, at: dict[Any, Any]) -> tuple[Fraction, Fraction] | None:
    """Real and imaginary part to 40 digits; None where it has no finite value. Raises TooLarge."""
    if refuse_what_is_large(expression) <= _SHALLOW:
        value = expression.evalf(_DIGITS, subs=at)
    else:  # evalf's time doubles with every part within a part; exact arithmetic's does not
        refuse_what_is_large(expression, _LARGEST_EXACT)
        value = expression.subs(at).doit().evalf(_DIGITS)
    parts = []
    for part in value.as_real_imag():
        if part.is_Rational and part.is_finite:
            parts.append(Fraction(int(part.p), int(part.q)))
        elif part.is_Float and part.is_finite:
            sign, digits, exponent, _ = part._mpf_
            nothing = part._prec < 20  # SymPy found no digit of it: it is zero
            parts.append(Fraction(0) if nothing else (-1) ** sign * Fraction(int(digits)) * Fraction(2) ** exponent)
        else:
            return None
    return parts[0], parts[1]


def refuse_what_is_large(expression: Any, largest: int = _LARGEST) -> int:
    """How many parts of an expression stand within each other. Raises TooLarge where that, or an exponent or a
    factorial beyond `largest`, would take too long to work out."""
    from sympy import Pow, binomial, factorial

    level = [expression]
    for depth in range(_TALLEST):
        for node in level:
            if isinstance(node, (Pow, factorial, binomial)):
                _refuse_size(node.args[1 if isinstance(node, Pow) else 0], largest)
        level = [part for node in level for part in node.args]
        if not level:
            return depth
    raise TooLarge


def _refuse_size(size: Any, largest: int) -> None:
    """The same for an exponent, or what a factorial is of, where it is a number."""
    if _symbols(size):
        return
    if size.args and refuse_what_is_large(size, largest) > _SHALLOW:
        raise TooLarge
    value = size.evalf(5)
    if value.is_number and abs(value).is_extended_real and not abs(value) <= largest:
        raise TooLarge
