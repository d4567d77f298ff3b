"""Where an announcement of a choice may begin ("the answer is", 故选, "I choose"): a long pattern is tried there alone.

"Both hold, so the answer is (B)."
           ^      ^
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BEGINS = re.compile(
    r"final|correct|right|best|true|most|answer|choice|option|selection|conclusion|choose|select|pick|incorrect|false"
    r"|wrong|go(?=[i\s])|i(?=['\s])|we(?=['\s])|it(?=['\s])|so\b|therefore|thus|hence"
    r"|答案|正确|错误|不正确|符合题意|不符合题意|选项|结果|故|因此|所以|应|综上|可|只能|我|本题|\n|。(?=\s*选)|,(?=\s*选)|;(?=\s*选)"
)
"""The first words of the pattern's parts, in lower case. Each begins with a letter of its own, not with a boundary or
a class: only so does ``re`` skip quickly to the next one."""


def announcements(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """What ``pattern.finditer(text)`` yields."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters become two
        yield from pattern.finditer(text)
        return
    end, at = 0, 0
    while True:
        found = pattern.match(text, at) if at >= end else None
        if found is not None:
            yield found
            end = found.end()
        begins = _BEGINS.search(lower, at + 1 if found is None else max(end, at + 1))
        if begins is None:
            return
        at = begins.start()
