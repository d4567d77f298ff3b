r"""Answers that are marked as such: `\boxed{}`, a `####` line, an `<answer>` tag."""

from __future__ import annotations

import re

from distilray.verifiers.found import Found
from distilray.verifiers.statements import announced

_BOX = re.compile(r"\\f?box(?:ed)?\s*(?=[{\s\d])")
_HASHES = re.compile(r"####[ \t]*([^\n]*\S)")
_TAG = re.compile(r"<((?:final_?)?answer)>\s*(.*?)\s*(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_FINAL = re.compile(r"\bfinal answer\s*(?:is|:)|最终答案", re.IGNORECASE)
_VALUE = re.compile(r"[\s*$€£¥￥(\[{\\-]*(?:\d|\\[a-z]|[a-z]\b|[a-z]\s*=)", re.IGNORECASE)
_CONNECTOR = re.compile(
    r"\s*(?:(?:,|、|，|;|and|or|和|或|及|\\text\{\s*(?:and|or|和|或)\s*\}|\$|\\q?quad|\\[,;: ()\[\]]|&)\s*)*"
)


def marked(text: str) -> tuple[Found | None, int]:
    """The marked answer that stands last, and where it ends."""
    found, end = None, 0
    if "box" in text:
        answer, end = boxes(text)
        found = Found(answer, "boxed") if answer else None
        if found and (final := _FINAL.search(text, end)) and (said := announced(text[final.start() :])):
            return Found(said, "announced"), len(text)
    if "####" in text:
        for match in reversed(list(_HASHES.finditer(text, end))):
            content = match[1].strip("* \t")
            if content and (not text[match.end() :].strip() or _is_value(content)):
                found, end = Found(content, "####"), match.end()
                break
    if "<" in text:
        tags = [match for match in _TAG.finditer(text) if match.end() > end and match[2]]
        if tags and "\\box" not in tags[-1][2] and len(tags[-1][2]) < 1000:
            found, end = Found(tags[-1][2], "answer tag"), tags[-1].end()
    return found, end


def _is_value(content: str) -> bool:
    """Whether a `####` line in the middle of a text is an answer, not a heading ("#### 2. The second part")."""
    if re.match(r"(?:step\s+)?\d+\s*[.):：、]\s*\D", content, re.IGNORECASE):
        return False
    return bool(_VALUE.match(content)) and len(re.findall(r"[A-Za-z]{2,}", re.sub(r"\\[A-Za-z]+", "", content))) < 3


def boxes(text: str) -> tuple[str, int]:
    r"""The content of the last `\boxed{}`, or of the last few where they stand together ("\boxed{1} or \boxed{2}"),
    and where it ends."""
    spans: list[tuple[int, int, str]] = []
    for match in _BOX.finditer(text):
        if spans and match.start() < spans[-1][1]:
            continue  # a box within a box: the outer one has it all
        end, content = _braced(text, match.end())
        if content.strip() or end == len(text):
            spans.append((match.start(), end, content.strip()))
    spans = [span for span in spans if span[2]]
    if not spans:
        return "", 0
    start, last, answer = spans.pop()
    answers = [answer]
    while spans and _CONNECTOR.fullmatch(text, spans[-1][1], start) and spans[-1][2] != answers[0]:
        start, _, answer = spans.pop()
        answers.insert(0, answer)
    return ", ".join(answers), last


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
