"""Numbers as they stand in prose: $1,080, 3/4, 12%, 3.2 x 10^5, 2 1/2, 9:30, 5π."""

from __future__ import annotations

import re
from typing import NamedTuple

_MONEY = r"(?:-\s?(?=[$€£¥￥]))?(?:(?:US|HK|NT|AU|[CA])?\$\s?|[€£¥￥]\s?)?"
_PLAIN = r"(?:\d{1,3}(?:[, ]\d{3})+(?!\d)|\d{1,2}(?:,\d{2})+,\d{3}(?!\d)|\d+)(?:\.\d+)?"
_POWER = r"(?:\s?(?:[x×*]|\\times|\\cdot)\s?10\s?\^\s?\{?[-+−]?\d+\}?|[eE][-+]?\d+(?!\w))"
_NUMBER = re.compile(
    rf"(?<![\w.^])(?:"
    r"\d{1,2}:\d{2}(?::\d{2})?(?!\d)(?:\s?[ap]\.?m\b\.?)?|\d+(?:\.\d+)?(?::\d+(?:\.\d+)?)+"  # 9:30 am, 3:4
    rf"|{_MONEY}[-−]?(?:"
    r"\d+\s+\d+\s?/\s?\d+(?![\d/])"  # 2 1/2
    rf"|{_PLAIN}{_POWER}|{_PLAIN}(?:\s?/\s?-?\d+(?:\.\d+)?(?![\d/]))?[½¼¾⅓⅔⅛]?|\.\d+|[½¼¾⅓⅔⅛])"
    r"(?:\s?(?:%|％|\\%)|\s?(?:π|\\pi|pi)(?![a-z])|\s?√\s?\(?\d+\)?|\^\{?\d+\}?)?(?!(?:st|nd|rd|th)\b|[₀-₉])"
    r"|[-−]?√\s?\(?\d+\)?"
    r"|[-−]?\\[dt]?frac\s*(?:\{[^{}]+\}\s*\{[^{}]+\}|\d\d))",
    re.ASCII,
)
_LISTED = re.compile(
    r"(?m)^[ \t]*(?:[-*+•]\s+)?(?:\*\*)?(?:(?:Step|步骤|第)\s*)?\(?\d{1,2}"
    r"(?:[.)、:]|\*\*|步[:：]?)(?=\s|\*|[A-Z\u4e00-\u9fff])"
)


class Number(NamedTuple):
    """A number as it was written, and where."""

    start: int
    end: int
    text: str


def numbers_in(text: str) -> list[Number]:
    """The numbers of `text` in order; those that only count lines (`3.`, `Step 2:`) are left out."""
    counted = {match.end() for match in _LISTED.finditer(text)}
    found = []
    for match in _NUMBER.finditer(text):
        if not any(match.start() < end <= match.end() + 2 for end in counted):
            found.append(Number(match.start(), match.end(), match[0].strip()))
    return found
