"""What the end of a text comes to, where nothing announces an answer: the value that its last sentence arrives at.

"... so 4 * $7 = $28. With the $5 fee he pays $28 + $5 = $33."        $33: what the last equals sign leads to
"So she has **33** apples left of 50."                                33: the only value in bold
"She has 18 apples, and each costs 2 dollars."                        18 or 2: none of them is stated
"""

from __future__ import annotations

import re
from typing import NamedTuple

from distilray.verifiers.figures import numbers_in
from distilray.verifiers.formulas import formulas, masked
from distilray.verifiers.found import Found

_TAIL = 3000
_NEAR = 40  # characters before a number in which a word may announce it
_CODE = re.compile(r"```(?:python|py|cpp|java|javascript|js|c)\b.*?(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_ENDS = re.compile(r"[。！!？?\n]+|\.(?=\s|$|\*|\"|<)|(?<=[a-z)])\.(?=[A-Z][a-z])|；")
_BOLD = re.compile(r"\*\*\s*([^*\n]{1,60}?)\s*\*\*")
_UNIT = re.compile(
    r"[\s*)\"'’”}\]/.。%,，-]*(?:of\s+(?:the|her|his|their|them)\s+)?"
    r"(?:[A-Za-z$€£°²³¢/-]+(?:[\s,*)\"'.]+[A-Za-z$€£°²³¢/-]+){0,3}[\s,*)\"'.]*|[\u4e00-\u9fff]{0,6}[\s。！*]*)"
)
_CUE = re.compile(
    r"(?:\b(?:is|are|was|were|be|equals?|to|costs?|pays?|paid|has|have|had|makes?|made|earns?|spends?|spent|needs?|gets?|total|of"
    r"|finally|then|thus|so|hence|therefore|got|found|leaves?|leaving|gives?|giving|about|approximately|around|exactly|only|just|takes?|becomes?|remain|contains?|sold|with|by)"
    r"|[:=≈→]|是|为|有|共|剩|下|得|到|需|要|花|用|约|了)[\s*:$€£¥(]*$",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|equals?|costs?|pays?|paid|has|have|had|makes?|made|earns?|spends?|spent|needs?|gets?)"
    r"(?:\s+(?:a\s+total\s+of|only|exactly|about|approximately))?[\s*:$€£¥(]*$",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"[\s*]*(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty"
    r"|hundred|thousand|dozen|half)\b",
    re.IGNORECASE,
)
_TEXT = re.compile(r"\\(?:text\w*|mathrm|mbox)\s*\{[^{}]*\}")
_ASIDE = re.compile(
    r"\b(?:in|at|of|the|first|within|every|each|per|after|for|from|on|over|during|these|those|all)\s+[$€£¥]?$",
    re.IGNORECASE,
)
_RESULTS = re.compile(
    r"\b(?:so|thus|therefore|then|hence|giv\w+|leav\w+|mak\w+|total\w*|means|finally|altogether|left|remain\w*|becom\w*|to)\b"
    r"|=|所以|因此|共|剩|→",
    re.IGNORECASE,
)
_THEN = re.compile(r"[,;，；]|\b(?:so|thus|therefore|then|hence|giving|gives|leaving|makes|total|means)\b|所以|共|剩")


_PROSE = re.compile(
    r"(?<![\\A-Za-z])(?!(?:sqrt|sin|cos|tan|cot|sec|csc|log|exp|abs|arc|max|min|gcd|lcm|and|inf|mod)\b)[A-Za-z]{3,}|[\u4e00-\u9fff]|[!?]"
)
_NUMBER = r"[\s(]*-?\d+(?:[.,]\d+)*[\s)]*"  # (3,-4) is a point
_CALCULATION = re.compile(rf"{_NUMBER}(?:(?:[+×*÷−-]|[/:](?=.*[+×*÷−-])){_NUMBER})+")
_LONGEST_CALCULATION = 300


def is_bare_formula(text: str) -> bool:
    """Whether a line is nothing but mathematics, so that all of it is the value; a sum that is not worked out (482+379)
    is none."""
    return (
        not (len(text) < _LONGEST_CALCULATION and _CALCULATION.fullmatch(text))
        and bool(re.search(r"[\dA-Za-z]", text))
        and not _PROSE.search(_TEXT.sub("", text))
        and not re.search(r"[.。]\s", text)
    )


class _Item(NamedTuple):
    start: int
    end: int
    text: str
    formula: bool


def closing(text: str) -> Found | None:
    """The value at the end of `text`, from the last sentence that holds any; None if the text has no value."""
    tail = _CODE.sub(" ", text)[-_TAIL:] or text[-_TAIL:]
    spans = formulas(tail)
    prose = masked(tail, spans)
    items = [_Item(span.start, span.end, span.content, True) for span in spans]
    items += [_Item(number.start, number.end, number.text, False) for number in numbers_in(prose)]
    if not items:
        return None
    if line := _last_formula(tail):
        return Found(line, "last line")
    items.sort()
    start = max((end.end() for end in _ENDS.finditer(prose, 0, items[-1].start)), default=0)
    stop = next((end.start() for end in _ENDS.finditer(prose, items[-1].end)), len(prose))
    inside = [item for item in items if item.start >= start]
    telling = [item for item in inside if not (item.formula and re.fullmatch(r"\\?[A-Za-z]+", item.text))]
    return _settled(prose[:stop], start, telling or inside, tail)


def _last_formula(tail: str) -> str:
    """A last line that is nothing but a formula; "" for any other, and for a list's item."""
    *before, last = tail.strip().rsplit("\n", 1)
    last = last.strip(" *_")
    if not before or len(last) >= 300 or re.match(r"[-*•]\s|\d+[.)]\s", last) or not is_bare_formula(last):
        return ""
    return last.rstrip(".") if re.search(r"[A-Za-z\d)}\]|°%$]\.?$", last) else ""


def _settled(prose: str, start: int, items: list[_Item], tail: str) -> Found:
    last = items[-1]
    how = "last formula" if last.formula else "last number"
    if last.formula and len(items) > 1 and _joined(prose, items[-2], last):
        return Found(", ".join(item.text for item in _run(prose, items)), how)
    bold = _bold(tail, start, len(prose))
    if bold:
        return Found(bold, "bold")
    if last.formula and ("=" in last.text or _ends(prose, last)):
        return Found(last.text, how)
    equals = prose.rfind("=", start, last.start)
    if equals >= 0 and not prose[equals + 1 : last.start].strip(" *~≈$%"):
        return Found(last.text, how)
    values = list(dict.fromkeys(item.text for item in items))
    # "Three trucks carry 80 flagstones": the number that a sentence begins with may be the one that is asked for.
    words = [match[1] for match in [_WORDS.match(prose, start)] if match]
    cued = [item for item in items if _CUE.search(prose, max(start, item.start - _NEAR), item.start)]
    stated = {item.text for item in cued if _VERB.search(prose, max(start, item.start - _NEAR), item.start)}
    if len(values) == 1 and (last in cued or not words):
        return Found(last.text, how)
    if last in cued and _ends(prose, last) and (len(stated) < 2 or _concludes(prose, items, last)):
        return Found(last.text, how)
    if len(stated) == 1 and len(values) > 1 and (not _ends(prose, last) or _ASIDE.search(prose[: last.start])):
        return _among(stated.pop(), how, values)
    after = [item for item in items if item.start > equals >= 0]
    if (
        after
        and not prose[equals + 1 : after[0].start].strip(" *")
        and not _THEN.search(prose, after[0].end, last.start)
    ):
        return _among(after[0].text, how, values)
    return _among(last.text, how, [*values, *words], settled=False)


def _among(value: str, how: str, values: list[str], *, settled: bool = True) -> Found:
    return Found(value, how, tuple(one for one in values if one != value), settled)


def _concludes(prose: str, items: list[_Item], last: _Item) -> bool:
    """Whether a word between the number before and the last one says that the last one follows."""
    before = [item for item in items if item.end <= last.start]
    return not before or bool(_RESULTS.search(prose, before[-1].end, last.start))


def _ends(prose: str, item: _Item) -> bool:
    """Whether nothing but a unit follows."""
    return bool(_UNIT.fullmatch(prose, item.end))


def _joined(prose: str, one: _Item, other: _Item) -> bool:
    return one.formula and bool(re.fullmatch(r"\s*(?:and|or|和|或|与)\s*", prose[one.end : other.start]))


def _run(prose: str, items: list[_Item]) -> list[_Item]:
    run = [items[-1]]
    for one, other in zip(reversed(items[:-1]), reversed(items), strict=False):
        if not (one.formula and re.fullmatch(r"\s*(?:,|and|or|和|或|与|、|，)\s*", prose[one.end : other.start])):
            break
        run.insert(0, one)
    return run


def _bold(tail: str, start: int, stop: int) -> str:
    """The only value in bold in the last sentence."""
    found = {match[1].rstrip(".,:") for match in _BOLD.finditer(tail, start, min(len(tail), stop + 2))}
    values = [one for one in found if re.match(r"[-\s(\\$€£¥]*(?:[\d.]|[a-z]\s*=)", one) and len(one.split()) <= 5]
    return values[0] if len(found) == 1 and values else ""
