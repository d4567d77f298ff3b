"""Choice: which of the options does the answer settle on? By letter, by number or by an option's own text.

What is stated counts, the last statement most: a letter in a box or after "the answer is", 故选, "I choose". Without
one, what is said of single options ("(A) fails ... (C) is correct"), a letter that a last line consists of, and an
option's own words. What is denied is never chosen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from distilray.verifiers.announcements import announcements
from distilray.verifiers.marks import boxes
from distilray.verifiers.options import Named, Options, narrowed
from distilray.verifiers.verdict import Verdict, right, shorten, undecided, wrong

_STATED = re.compile(
    r"(?:(?:final|correct|right|best|true|most\s+\w+)\s+)?(?:answer|choice|option|selection|conclusion)"
    r"(?:\s+(?:to|for|among|from|of|here)\b[^.:\n]{0,40}?)?\s*(?:\([^()\n]{1,20}\)\s*)?[\"'*_\])]*\s*"
    r"(?:(?:is|are|was|would\s+be|should\s+be|must\s+be|will\s+be|has\s+to\s+be|[:=])[\s*_\"']*)+:?\s*"
    r"(?:therefore|thus|most\s+likely|likely|probably|definitely|clearly|actually|indeed)?(?:\s+to\s+be)?\s*"
    r"|(?:答案|正确选项|正确的选项|选项|结果)\]?[*\s]*(?:(?:应该|应当|应|就|只能|可能|最可能)?(?:是|为|选|[:=])+|(?<=\]))[:\s*]*"
    r"|(?:故|因此|所以|应|应该|综上|可|只能|我|本题|答案)\s*[,]?\s*选择?[:\s]*|(?:^|[\n。,;])\s*选择?(?=\s*[:(\[A-Z])[:\s]*"
    r"|(?:正确|错误|不正确|符合题意|不符合题意)的(?:选项|一项|叙述|说法|表述|描述|答案)?(?:是|为|有)[:\s]*"
    r"|\b(?:i|we)(?:'d|\s+would|\s+will)?\s+(?:choose|pick|select|go\s+with|opt\s+for)\s*"
    r"|\b(?:choose|select|pick)\s+(?:option\s+|choice\s+)?(?=[(\[]?[A-Z][)\].,;:!\s])"
    r"|\b(?:correct|incorrect|false|true|wrong)\s+(?:one|statement)\s+(?:is|would\s+be)\s*"
    r"|\bgo(?:ing)?\s+with\s+(?:option\s+|choice\s+)?(?=[(\[]?[A-Z][)\].,;:!\s]|[(\[]?[A-Z]$)"
    r"|\b(?:it(?:'s|\s+is|\s+must\s+be)|(?:so|therefore|thus|hence)\b,?(?:\s+it\s+is)?)\s+(?:actually\s+|option\s+|choice\s+)*"
    r"(?=[(\[*]*[A-Za-z][)\]*]*\s*(?:[.,;!\n]|$))"
    r"|(?:^|\n)[\s>#*_]*(?:final\s+)?answer[\s*_:.]+(?=[(\[*]*[A-Z](?![A-Za-z']))",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"(?:\bif|suppose|assum\w+|whether|why|unless|假设|如果|若|假如)\s*(?:that\s+)?(?:the\s+)?$", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"[。!?\n；;]|\.(?=\s|$|\*|\"|<)|<")
_TAG = re.compile(r"<((?:final_?)?answer)>\s*(.*?)\s*(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_HASHES = re.compile(r"####[ \t]*([^\n]*\S)")
_L = r"(?<![A-Za-z0-9\\])[(\[]?([A-J])[)\]]?"
_NO = (
    r"(?:(?:is|are|was|would\s+be|seems?|looks?|can\s+be|must\s+be)\s+)?(?:also\s+|clearly\s+|obviously\s+|therefore\s+|all\s+)?"
    r"(?:not\b|n't|incorrect|wrong|false|invalid|eliminated|ruled\s+out|excluded|discarded|impossible|out\b|fails?\b|does\s+not|doesn't|cannot|can't)"
)
_YES = (
    r"(?:is|are|must\s+be|would\s+be|seems?|appears?|looks?)\s+(?:also\s+|clearly\s+|therefore\s+|thus\s+|indeed\s+|the\s+(?:only\s+)?|a\s+|most\s+)*"
    r"(?:correct|right|true|valid|best|answer|fits?\b|appropriate|accurate)|\b(?:works|fits|holds|satisfies|matches)\b"
)
_ZH_GAP = r"(?:选项|项|的?说法|的?叙述|表述)?[^。;,\n]{0,24}?"
_ZH_NO = _ZH_GAP + r"(?:错误|不正确|不对|不符合?|不成立|不合适|排除|不选|有误|不是正确)"
_ZH_YES = _ZH_GAP + r"(?:正确|符合|是对的|成立|合适|恰当|当选)"
_JUDGED = re.compile(
    rf"{_L}\s*(?:,\s*{_L}\s*)*(?:,?\s*(?:and|or|和|、)\s*{_L}\s*)?(?:,\s*)?(?:(?P<no>{_NO}|{_ZH_NO})|(?P<yes>{_YES}|{_ZH_YES}))",
    re.IGNORECASE,
)
_ELIMINATED = re.compile(
    rf"(?:eliminat\w*|rul\w+\s+out|exclud\w*|discard\w*|cross\s+out|排除)[^.。\n]{{0,30}}?((?:{_L}(?:\s*(?:,|and|or|和|、)+\s*)?)+)",
    re.IGNORECASE,
)
_LONE = re.compile(
    r"\W*(?:(?:(?:so|therefore|thus|hence|option|choice|answer)\b|所以|因此|故|选项?)[\s,:]*)*\W*([A-J])\W*",
    re.IGNORECASE,
)
_LISTED = re.compile(r"(?m)^[\s>*_-]*[(\[]?([A-J])[)\].:、](?=\s|\S)")
_CONCLUDES = re.compile(r"\b(?:so|therefore|thus|hence)\b|因此|所以|故|综上", re.IGNORECASE)
_CLOSERS = re.compile(r"\W*(?:i hope|let me know|please let|do you have|feel free|hope this)", re.IGNORECASE)
_MARKED = re.compile(
    r"\*\*\s*[(\[]?([A-J])[)\]]?\s*[.:]?\s*\*\*|[(\[]([A-J])[)\]]|\*\*[(\[]?([A-J])[.):](?=\s)[^*\n]{0,80}\*\*"
)


def verify_choice(
    answer: str,
    reference: str | int | Sequence[str],
    *,
    options: Sequence[str] | Mapping[str, str] | None = None,
    zero_based: bool = False,
) -> Verdict:
    """Whether `answer` chooses what `reference` names: a letter ("B", "(b)", "AC" for several), a number, or
    an option's text (with `options`: a list, or a mapping from label to text). Numbers count from 1 unless
    `zero_based`; labels of a list are A, B, C...
    """
    known = Options(options, zero_based)
    expected = _reference_labels(reference, known)
    if not expected:
        return undecided(f"the reference {shorten(reference)!r} names no option")
    chosen, how = _chosen(answer, known, several=len(expected) > 1)
    if chosen is None:
        return undecided("no choice found in the answer", expected="".join(sorted(expected)))
    said, wanted = ", ".join(sorted(chosen.labels)) or "none of the options", ", ".join(sorted(expected))
    if chosen.labels == expected:
        return right(f"chose {said}", extracted=said, found=how)
    return wrong(f"chose {said}, not {wanted}", extracted=said, found=how)


def _reference_labels(reference: str | int | Sequence[str], options: Options) -> set[str]:
    if isinstance(reference, (list, tuple)):
        return {label for one in reference for label in _reference_labels(one, options)}
    text = narrowed(str(reference), circled=True).strip()
    if by_text := options.by_exact_text(text):
        bare = text.strip("()[]{}. ").upper()
        return {by_text} if len(bare) > 1 or bare not in options.labels else {bare}
    bare = text.strip("()[]{}.:、 ").upper()
    if label := options.label(bare):
        return {label}
    if re.fullmatch(r"[A-J](?:[\s,、;和]*[A-J])+", bare):
        return set(re.findall(r"[A-J]", bare))
    lead = re.match(r"\(?([A-Z])\s*[).、:]\s*\S", text)
    return {lead[1]} if lead and lead[1] in options.labels else set()


def _chosen(answer: str, options: Options, several: bool) -> tuple[Named | None, str]:
    _, closed, after = answer.rpartition("</think>")
    text = narrowed(after if closed and after.strip() else answer).strip()
    exact = "\n" not in text and options.by_exact_text(text)
    if not exact and (stated := _stated(text, options)):
        return stated
    if exact or len(text) <= 12 or (several and len(text) <= 30):
        named = options.named_in(narrowed(text, circled=True))
        if named:
            return named, "whole text"
    return _judged(text, options) or _mentioned(text, options) or (None, "")


def _stated(text: str, options: Options) -> tuple[Named, str] | None:
    """The last statement that names an option: by its letter, else by its words."""
    worded = None
    for _, part, how in sorted(_statements(text), key=lambda one: one[0], reverse=True):
        named = options.named_in(narrowed(part, circled=True))
        if named and named.by_letter:
            return named, how
        worded = worded or (named and (named, how))
    return worded


def _statements(text: str) -> list[tuple[int, str, str]]:
    """What the text states, with its place: in a box, a tag, a `####` line, an announcement, a first or last line."""
    parts: list[tuple[int, str, str]] = []
    boxed, end = boxes(text)
    if boxed:
        parts.append((end, boxed, "boxed"))
    parts += [(match.end(), match[2], "answer tag") for match in _TAG.finditer(text) if len(match[2]) < 500]
    parts += [(match.end(), match[1], "####") for match in _HASHES.finditer(text)]
    for match in announcements(_STATED, text):
        if not _SUPPOSED.search(text[max(0, match.start() - 24) : match.start()]):
            rest = text[match.end() : match.end() + 1000].lstrip(" \t*:\n")
            stop = _SENTENCE_END.search(rest)
            if not (stop and stop[0] == "?"):
                parts.append((match.end(), rest[: stop.start()] if stop else rest[:300], "announced"))
    lines = text.splitlines()
    if len(lines) > 1 and (first := re.fullmatch(r"[\s*(\[]*([A-J])[\s*.:)\]]*", lines[0])):
        parts.append((0, first[1], "first line"))
    if len(lines) > 1 and (lone := _LONE.fullmatch(lines[-1])) and len(lines[-1]) < 40:
        parts.append((len(text), lone[1].upper(), "last line"))
    return parts


def _judged(text: str, options: Options) -> tuple[Named, str] | None:
    """The one option that is called right, or the one that is left where all others are ruled out."""
    yes: set[str] = set()
    no: set[str] = set()
    for match in _JUDGED.finditer(text):
        letters = {letter.upper() for letter in match.groups()[:3] if letter} & set(options.labels)
        (no if match["no"] else yes).update(letters)
    out = {
        label
        for match in _ELIMINATED.finditer(text)
        for label in re.findall(r"(?<![A-Za-z])[A-J](?![A-Za-z])", match[1])
    }
    if len(yes - no - out) == 1:
        return Named(frozenset(yes - no - out)), "called right"
    left = set(options.labels) - out - no
    if options.known and not yes and out and len(left) == 1:
        return Named(frozenset(left)), "not ruled out"
    return None


def _mentioned(text: str, options: Options) -> tuple[Named, str] | None:
    """A letter that the text begins with or that its conclusion marks, or the one option whose words it ends on."""
    listed = {match[1] for match in _LISTED.finditer(text)}
    lead = re.match(r"[*\s]*[(\[]?([A-J])\s*(?:[)\].:、]|,?\s+(?:because|since|as)\b|,?因为)", text)
    if lead and lead[1] in options.labels and listed <= {lead[1]}:
        return Named(frozenset(lead[1])), "first letter"
    sentences = [one for one in re.split(r"(?<=[。!?\n])|(?<=\.)\s", text) if one.strip(" *\n")]
    while len(sentences) > 1 and _CLOSERS.match(sentences[-1]):
        sentences.pop()
    last = sentences[-1] if sentences else ""
    marked = {next(filter(None, match.groups())) for match in _MARKED.finditer(last)} & set(options.labels)
    if len(marked) == 1 and (_CONCLUDES.search(last) or "**" in last) and not re.search(_NO, last):
        return Named(frozenset(marked)), "marked letter"
    if marked and options.mentioned(last) - marked:
        return None  # the letter of one option and the words of another
    named = options.mentioned(last) or (options.mentioned(text) if len(text) < 200 else frozenset())
    return (Named(named, by_letter=False), "option text") if named else None
