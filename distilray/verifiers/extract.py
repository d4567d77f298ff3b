r"""Find the final answer in a text with explanations, in English or Chinese.

In this order: `\boxed{}`, `####`, an `<answer>` tag, a phrase that announces it ("the answer is", 答案是), the last
formula in display, and, as a last resort that the verdict names, the last number.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=[{\s\d])")
_HASHES = re.compile(r"####[ \t]*([^\n]*\S)")
_TAG = re.compile(r"<answer>\s*(.*?)\s*</answer>", re.DOTALL | re.IGNORECASE)
_ANNOUNCED = re.compile(
    r"(?:(?:final|correct|right|best)\s+)?(?:answer|result|option|choice)s?(?:\s+to\s+(?:the|this)\s+\w+)?\s*"
    r"(?:is|are|would\s+be|should\s+be|must\s+be|equals?|[:：=])+\s*:?"
    r"|\*\*\s*(?:final\s+)?answer\s*:?\s*\*\*\s*:?"
    r"|(?:最终|正确|最后)?(?:的)?(?:答案|结果|选项)(?:应该|应当|应|就)?(?:是|为|等于|选|[:：=])+\s*[:：]?"
    r"|(?:^|\n|[。，,\s])\**答\**\s*[:：]|故选|应选|因此选|所以选|选择",
    re.IGNORECASE,
)
_CONCLUDED = re.compile(r"(?:所以|因此|故|综上|(?i:\b(?:therefore|thus|hence|so)\b))[^\n。]*", re.IGNORECASE)
_DISPLAY = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]", re.DOTALL)
_MATH = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$(.+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_NUMBER = re.compile(
    r"(?<![\w.])-?(?:\d{1,3}(?:[, ]\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:\s*/\s*-?\d+(?:\.\d+)?)?\s*%?|(?<![\w.])-?\.\d+"
    r"|-?\\[dt]?frac\s*\{[^{}]+\}\s*\{[^{}]+\}",
    re.ASCII,
)
_SENTENCE_END = re.compile(r"[。！!？?\n]|\.(?=\s|$|\*|\")|\.(?=[A-Z][a-z])|；(?=\S{8})")
_CONNECTOR = re.compile(r"\s*(?:,|、|，|and|or|和|或|及|\\text\{\s*(?:and|or)\s*\}|\$)*\s*")


class Found(NamedTuple):
    """A final answer as it was written, and by which rule it was found."""

    answer: str
    how: str


def extract_final_answer(text: str, kind: str = "math") -> str | None:
    """The answer that `text` settles on, without its surroundings; None if it states none.

    `kind` "numeric" or "math" falls back on the last number; "text" does not.
    """
    found = find(text, numbers=kind in ("math", "numeric"))
    return found.answer if found else None


def find(text: str, numbers: bool = True) -> Found | None:
    """Like extract_final_answer, and returns the rule, too. Reasoning up to `</think>` counts only if nothing
    follows.
    """
    _, closed, after = text.rpartition("</think>")
    if closed:
        return _search(after, numbers) or _search(text, numbers)
    return _search(text, numbers)


def _search(text: str, numbers: bool) -> Found | None:
    boxed = boxes(text)
    if boxed:
        return Found(boxed, "boxed")
    for pattern, how in ((_HASHES, "####"), (_TAG, "answer tag")):
        matches = pattern.findall(text)
        if matches:
            return Found(matches[-1].strip(), how)
    for match in reversed(list(_ANNOUNCED.finditer(text))):
        answer = _said_after(text[match.end() :])
        if answer:
            return Found(answer, "announced")
    if not numbers:
        return None
    display = _DISPLAY.findall(text.rstrip()[-400:])
    if display:
        formula = next(part for part in display[-1] if part)
        return Found(formula.strip().rstrip(".,。，"), "last formula")
    concluded = list(_CONCLUDED.finditer(text))
    if concluded:
        formulas = _formulas(concluded[-1][0])
        if formulas:
            return Found(formulas[-1], "last formula")
    found = _NUMBER.findall(text)
    return Found(found[-1].strip(), "last number") if found else None


def boxes(text: str) -> str:
    r"""The content of the last `\boxed{}`, or of the last few where they stand together ("\boxed{1} or \boxed{2}")."""
    spans: list[tuple[int, int, str]] = []
    for match in _BOX.finditer(text):
        end, content = _braced(text, match.end())
        if content.strip():
            if spans and match.start() < spans[-1][1]:
                continue  # a box within a box: the outer one has it all
            spans.append((match.start(), end, content.strip()))
    if not spans:
        return ""
    start, _, answer = spans.pop()
    answers = [answer]
    while spans and _CONNECTOR.fullmatch(text, spans[-1][1], start) and spans[-1][2] != answers[0]:
        start, _, answer = spans.pop()
        answers.insert(0, answer)
    return ", ".join(answers)


def _braced(text: str, start: int) -> tuple[int, str]:
    """The balanced `{...}` at `start` (or the rest, where a reply was cut), and where it ends."""
    if start >= len(text) or text[start] != "{":
        word = re.match(r"\s*[^\s$.,]+", text[start:])
        return (start + word.end(), word[0]) if word else (start, "")
    depth, position = 0, start
    while position < len(text):
        if text[position] == "\\":
            position += 1  # an escaped brace is content
        else:
            depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0:
            return position + 1, text[start + 1 : position]
        position += 1
    return len(text), ""


def _said_after(text: str) -> str:
    """The sentence that follows an announcement, reduced to its formulas where it has any."""
    text = text.lstrip(" \t*:：_\n")
    display = _MATH.match(text)
    sentence = text
    for end in _SENTENCE_END.finditer(text):
        if not display or end.start() >= display.end():
            sentence = text[: end.start()]
            break
    formulas = _formulas(sentence)
    if formulas:
        lead = sentence[: _MATH.search(sentence).start()].strip(" *")  # type: ignore[union-attr]
        if not re.search(r"\d", lead):
            return ", ".join(formulas)
    return sentence.strip(" *_`\"'“”").rstrip(".,，;；: ")


def _formulas(text: str) -> list[str]:
    return [next(part for part in groups if part).strip() for groups in _MATH.findall(text)]


def last_number(text: str) -> str | None:
    found = _NUMBER.findall(text)
    return found[-1].strip() if found else None


def numbers_in(text: str) -> list[str]:
    return [number.strip() for number in _NUMBER.findall(text)]
