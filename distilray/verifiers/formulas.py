r"""Where a text is LaTeX, and which of its `$` are money.

"It costs $6 and the ratio is $\frac{3}{4}$."    one formula, \frac{3}{4}
"4 * $7 = $28, and $28 + $5 = $33"               none: these dollars are money
"""

from __future__ import annotations

import re
from typing import NamedTuple

_OPENING = re.compile(r"(?<!\\)(?:\$\$|\$|\\\(|\\\[)")
_CLOSING = {"$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_DOLLAR = re.compile(r"(?<!\\)\$(?!\$)")
_COMMAND = re.compile(r"\\(?:text\w*|mathrm|mbox|operatorname)\s*\{[^{}]*\}|\\[A-Za-z]+|\\.")
_FUNCTIONS = r"sin|cos|tan|cot|sec|csc|log|ln|exp|lim|max|min|gcd|lcm|mod|sqrt|arc(?:sin|cos|tan)|abs|det|deg"
_WORD = re.compile(
    rf"(?:^|(?<=[\s,.;:(\"'’]))(?!(?:{_FUNCTIONS})\b)"
    r"(?:[A-Za-z]?[a-z]{2,}|to|is|of|or|so|in|at|he|it|as|by|an|on|we|if|no|up|be|a|I)(?=[\s,.;:!?)\"'’]|$)"
)
_EASTERN = re.compile("[぀-ヿ一-鿿가-힯]")
_SPELT = re.compile(r"[a-z]{1,4}'*|[A-Za-z]{1,8}")
_OPERATOR = tuple("=+-*/<>×÷·,(:≈≤≥−–")
_VARIABLE = re.compile(r"(?<![A-Za-z])(?:[A-Za-wyzΑ-ω]|x(?!\s+\d)|(?<=\d)x)(?![A-Za-z])")


class Formula(NamedTuple):
    """What stands between two delimiters, and where the whole of it begins and ends."""

    start: int
    end: int
    content: str
    display: bool


def formulas(text: str) -> list[Formula]:
    r"""The formulas in `text`, in order: `$$...$$`, `\[...\]`, `\(...\)`, and `$...$` where it reads as one."""
    if "$" not in text and "\\" not in text:
        return []
    found: list[Formula] = []
    position = 0
    while opening := _OPENING.search(text, position):
        sign, start, inside = opening[0], opening.start(), opening.end()
        position = inside
        if sign == "$":
            closing = _DOLLAR.search(text, inside)
            if closing is None or not _is_formula(text, start, closing.start()):
                continue
            end = closing.start()
        else:
            end = text.find(_CLOSING[sign], inside)
            if end < 0:
                continue
        content = text[inside:end].strip()
        position = end + len(_CLOSING.get(sign, "$"))
        if content:
            found.append(Formula(start, position, content, sign in ("$$", "\\[")))
    return found


def _is_formula(text: str, opening: int, closing: int) -> bool:
    """Whether the text between two dollars reads as LaTeX: no prose, no half of a sum, no gap on one side only."""
    content = text[opening + 1 : closing]
    inner = content.strip()
    if not inner or len(inner) > 2000 or "\n\n" in content or inner[-1] in _OPERATOR:
        return False
    bare = _COMMAND.sub(" ", inner)
    if not _SPELT.fullmatch(inner) and (_WORD.search(bare) or _EASTERN.search(bare)):
        return False
    if "\\" in inner or re.search(r"[\^_{}]", inner):
        return True
    ragged = content[0].isspace() != content[-1].isspace()
    after, before = text[closing + 1 : closing + 2], text[opening - 1 : opening]
    if not inner[0].isdigit() and inner[0] not in ".-+" and _VARIABLE.search(bare):
        return True  # $x + y = 10$
    if ragged or after.isdigit() or (before.isalnum() and before.isascii()):
        return False  # $12 + $24; US$5; 5$ + 7$
    return not re.search(r"[A-Za-z]{2,}", bare) or bool(_SPELT.fullmatch(inner))


def masked(text: str, spans: list[Formula]) -> str:
    """`text` with its formulas blanked out, every place where it was."""
    for one in reversed(spans):
        text = text[: one.start] + "\ufffc" * (one.end - one.start) + text[one.end :]
    return text
