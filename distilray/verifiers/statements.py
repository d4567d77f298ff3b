r"""Announced answers: what follows "the answer is", `A:` on the last line, 答案是, in the words of the text."""

from __future__ import annotations

import re
from itertools import pairwise

from distilray.verifiers.formulas import Formula, formulas

_ANNOUNCED = re.compile(
    r"(?<!each )(?<!every )(?<!per )(?<!each correct )(?<!every correct )(?<!correct )"
    r"(?:(?:final|correct|right|best|numerical)\s+)?(?:answer|result|(?<=the )answers|results)"
    r"(?:\s+to\s+(?:the|this|your)\s+\w+)?\s*(?:\([^()\n]{1,30}\)\s*)?[\"'*_】]*\s*"
    r"(?:(?:is|are|was|would\s+be|should\s+be|must\s+be|will\s+be|equals?|comes?\s+(?:out\s+)?to|[:：=])[\s*_]*)+:?"
    r"|\bsolutions?\s+(?:is|are)\b\s*:?"
    r"|\*\*\s*(?:final\s+)?answer\s*:?\s*\*\*\s*:?"
    r"|(?:最终|正确|最后)?(?:的)?(?:答案|结果|选项)】?\**(?:(?:应该|应当|应|就)?(?:是|为|等于|选|[:：=])+\s*[:：]?|(?<=】)\s*)"
    r"|(?:^|\n|[。，,\s])\**答\**\s*[:：]|故选|应选|因此选|所以选",
    re.IGNORECASE,
)
_LINE = re.compile(
    r"^[ \t>#*_]*(?:(?:the\s+|my\s+)?(?:final\s+|numerical\s+)?(?:answer|ans|result)\b|(?:最终)?答案|答)"
    r"[ \t]*(?:\([^()\n]{1,30}\))?[ \t.:：*_=]*"
    r"(?:(?:(?:is|are|equals|(?:should|would|must|will)\s+be)\b|是|为|等于)[ \t:：*_=]*)?",
    re.IGNORECASE | re.MULTILINE,
)
_ADVERB = re.compile(r"^(?:therefore|thus|hence|then|indeed|simply)\b[\s,:]*", re.IGNORECASE)
_SHORT = re.compile(r"^[ \t>*_]*A[*_]*[ \t]*[:：=][ \t*_]*")
_LAST_WORD = re.compile(r"[^\s,;:]+$")
_REVERSED = re.compile(r"\s+(?:is|was)\s+(?:the|our|my)\s+(?:final\s+|correct\s+)?(?:answer|result)\b")
_SENTENCE_END = re.compile(r"[。！!？?\n]|\.(?=\s|$|\*|\"|<)|\.(?=[A-Z][a-z])|；(?=\S{8})")
_CLAUSE = re.compile(
    r"\s*[,，;；(（]?\s*(?:\b(?:because|since|so|which|given|assuming|after|when|if|while|instead|where|as\s+(?!follows))\b"
    r"|因为|由于|其中|所以)|\s[(（](?=[a-z\u4e00-\u9fff]{2})|\s+(?:for|from|by|per\s+the|in\s+(?:total|all|the))\s",
    re.IGNORECASE,
)
_IS = re.compile(r"\b(?:is|are|equals?)\b|=|是|为")
_LONE = re.compile(
    r"(?:\*\*\s*)?=?\s*[-+]?\s*[$€£¥￥]?\s*-?\d[\d,]*(?:\.\d+)?(?:/\d+)?\s*%?\s*(?:\*\*)?[.。]?|\*\*[^*\n]*\d[^*\n]{0,20}\*\*\.?"
)
_ADVERBS = re.compile(
    r"(?:(?:therefore|thus|then|now|simply|just|exactly|approximately|about|also|only|still|indeed|actually|clearly|roughly"
    r"|around|equal\s+to|given\s+by|a\s+total\s+of)\b[\s,:*]*)+(?=[$\d\\(*-])",
    re.IGNORECASE,
)
_NOT = re.compile(r"\bnot\s+\S+?[,;]?\s+but\s+(?:rather\s+)?|\bnot\s+\S+?[,;]\s+(?=\S)", re.IGNORECASE)
_JOINS = re.compile(r"\s*(?:,|、|，|;|；|and|or|和|或|及|与|\\text\{\s*(?:and|or)\s*\})+\s*")
_CONTENT = re.compile(r"\d|\\[A-Za-z]|[零一二两三四五六七八九十百千万亿½¼¾∞π√∅]|^\W*[A-Za-z](?![A-Za-z'’])")
_PRONOUNS = re.compile(r"\b(?:as follows|following|below|above|this|that|it|found|shown|given by)\b", re.IGNORECASE)


def announced(text: str) -> str:
    """What the last announcement that names a value announces; "" if there is none."""
    for match in reversed(list(_ANNOUNCED.finditer(text))):
        said = said_after(text[match.end() :])
        if said and _names_a_value(said, last=not text[match.end() + len(said) + 8 :].strip()):
            return said
    for match in reversed(list(_REVERSED.finditer(text))):
        before = formulas(text[: match.start()])
        if before and before[-1].end == match.start():
            return before[-1].content
        value = (_LAST_WORD.search(text, max(0, match.start() - 40), match.start()) or [""])[0].strip("*$()\"'")
        if re.search(r"\d", value):
            return value
    return ""


def announced_text(text: str) -> str:
    """Like :func:`announced`, and takes words for an answer, too, wherever they stand."""
    for match in reversed(list(_ANNOUNCED.finditer(text))):
        if said := said_after(text[match.end() :]):
            return said
    return ""


def labelled_line(text: str, after: int = 0) -> str:
    """The value on a last line that says "A: 33", "Answer 33" or 答案33, or below a heading that does; "" otherwise.
    Only what follows `after` counts."""
    lines = text[after:].rstrip().rsplit("\n", 3)
    last = lines[-1]
    label = _SHORT.match(last) or _LINE.match(last)
    if label and (rest := last[label.end() :].strip()):
        said = said_after(rest)
        if _is_value(said):
            return said
    if (value := last.strip(" \t")) and _LONE.fullmatch(value) and lines[:-1]:
        return value.strip("*= ").rstrip(".。")
    heading = next((line for line in reversed(lines[:-1]) if line.strip()), "")
    if (label := _LINE.match(heading)) and not heading[label.end() :].strip(" *:#_"):
        said = said_after(last)
        return said if _is_value(said) else ""
    return ""


def said_after(text: str) -> str:
    """The sentence after an announcement, without what only explains it; its formula where it begins with one."""
    text = _ADVERB.sub("", text[:1500].lstrip(" \t*:：_\n\"'“”,，"))
    text = text[adverbs.end() :] if (adverbs := _ADVERBS.match(text)) else text
    spans = formulas(text)
    sentence = text[: _end(text, spans)]
    inside = [span for span in spans if span.end <= len(sentence) + 1]
    if inside and not re.search(r"\d", sentence[: inside[0].start]):
        name = re.fullmatch(r"[A-Za-z]{1,8}'*|[a-zA-Z]\([a-zA-Z]\)|\\\w+(?:\s*\w{1,4})?", inside[0].content)
        if not (name and (after := _IS.search(sentence, inside[0].end)) and _CONTENT.search(sentence, after.end())):
            return _joined(text, inside)
        return said_after(sentence[after.end() :])  # "the volume of $V$ is 120"
    sentence = _NOT.sub("", sentence)
    for clause in _CLAUSE.finditer(sentence):
        if clause.start() and _CONTENT.search(sentence[: clause.start()]):
            sentence = sentence[: clause.start()]
            break
    sentence = sentence.strip(" *_`\"'“”").rstrip(".,，;；: <")
    return sentence.rstrip("}\"' ") if sentence.count("}") > sentence.count("{") else sentence  # {"answer": "33"}


def _end(text: str, spans: list[Formula]) -> int:
    for end in _SENTENCE_END.finditer(text):
        if not any(span.start <= end.start() < span.end for span in spans):
            return end.start()
    return len(text)


def _joined(text: str, spans: list[Formula]) -> str:
    """The first formula, and those that "and" or a comma join to it: two solutions, not a calculation that follows."""
    joined = [spans[0].content]
    for one, other in pairwise(spans):
        if not _JOINS.fullmatch(text, one.end, other.start):
            break
        joined.append(other.content)
    return ", ".join(joined)


def _names_a_value(said: str, last: bool) -> bool:
    if _CONTENT.search(said):
        return True
    words = len(said.split()) + len(re.findall("[一-鿿]", said)) // 3
    return words <= (6 if last else 2) and not _PRONOUNS.search(said)


def _is_value(said: str) -> bool:
    return bool(_CONTENT.search(said)) or 0 < len(said.split()) <= 4
