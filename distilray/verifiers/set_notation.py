r"""Other ways to write sets of numbers, as the intervals that they are: \mathbb{R}, x \ne 0, \{x \mid x > 3\}."""

from __future__ import annotations

import re
from itertools import pairwise

from distilray.verifiers.expressions import number_of

_LONGEST = 200  # characters of a set's notation
_ALL = (
    r"(?:[a-zA-Z]\s*(?:\\in\s*|:\s*))?(?:\\(?:mathbb|mathbf|Bbb)\s*\{?R\}?|\\R\b"
    r"|(?:all|any|every)\s+real(?:s|\s+numbers?)?|(?:全体|任意|一切|所有)?实数集?)"
)
_REALS = re.compile(rf"{_ALL}(?:\s+[a-z])?")
_BUT = re.compile(
    rf"(?:{_ALL})\s*(?:\\(?:setminus|smallsetminus|backslash)|-|\\|except(?:\s+for)?)\s*(?:\\?\{{(.+?)\\?\}}|([^{{}}]+))"
)
_UNEQUAL = re.compile(r"([a-zA-Z])\s*\\ne\s*([^,]+)((?:\s*(?:,|and)\s*(?:\1\s*\\ne\s*)?[^,]+)*)")
_BUILT = re.compile(
    rf"\\?\{{\s*([a-zA-Z])\s*(?:\\in\s*\\math\w+\s*\{{?R\}}?)?\s*(?:\\mid|\||:|\\vert)\s*(.+?)\s*(?:,\s*{_ALL})?\s*\\?\}}"
)
_EMPTY = re.compile(
    r"\\emptyset|\\?\{\s*\\?\}|(?:there\s+(?:is|are)\s+)?no\s+(?:real\s+)?(?:solutions?|roots?)|(?:方程)?无(?:实数?)?解",
    re.IGNORECASE,
)
_INTEGERS = re.compile(
    r"(?:[a-zA-Z]\s*\\in\s*)?(?:\\mathbb\s*\{?Z\}?|\\mathbf\{Z\}|\\Z\b|all integers|(?:全体|所有)?整数)"
)
_HINT = re.compile(r"\\(?:math|ne|empty|mid|set|small|back|R|Z|Bbb)|real|\bno\b|\\?\{|解|数|integers", re.IGNORECASE)


def as_intervals(text: str) -> str:
    r"""`text` with a set that it names as intervals; any other text as it is.

    >>> as_intervals(r"\mathbb{R} \setminus \{0\}")
    '(-\\infty, 0) \\cup (0, \\infty)'
    """
    if len(text) > _LONGEST or not _HINT.search(text):
        return text
    if built := _BUILT.fullmatch(text):
        text = as_intervals(built[2])
    if _REALS.fullmatch(text):
        return r"(-\infty, \infty)"
    if _EMPTY.fullmatch(text):
        return r"\emptyset"
    if _INTEGERS.fullmatch(text):
        return r"\mathbb{Z}"
    if but := _BUT.fullmatch(text):
        return _without(re.split(r"\s*(?:,|\band\b|和|或)\s*", but[1] or but[2])) or text
    if unequal := _UNEQUAL.fullmatch(text):
        others = re.split(rf"\s*(?:,|and)\s*(?:{unequal[1]}\s*\\ne\s*)?", unequal[3])
        return _without([unequal[2], *others]) or text
    return text


def _without(points: list[str]) -> str:
    """The real line but for some points; "" if they are no numbers."""
    left_out = [point.strip() for point in points if point.strip()]
    values = {point: number_of(point) for point in left_out}
    if not left_out or None in values.values():
        return ""
    ends = [r"-\infty", *sorted(values, key=lambda point: values[point] or 0), r"\infty"]
    return r" \cup ".join(f"({low}, {high})" for low, high in pairwise(ends))
