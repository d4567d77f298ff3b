"""Choice: which of the options does the answer settle on? By letter, by number or by an option's own text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from distilray.verifiers.extract import find
from distilray.verifiers.marks import boxes
from distilray.verifiers.verdict import Verdict, right, shorten, undecided, wrong

_LETTERS = "ABCDEFGHIJ"
_CIRCLED = {chr(0x2460 + n): str(n + 1) for n in range(10)}
_ONE = r"(?<![A-Za-z0-9])([A-Ja-j]|\d{1,2})(?![A-Za-z0-9'’])"
_MARKED = re.compile(r"[(（\[【]\s*([A-Ja-j])\s*[)）\]】]|\*\*\s*([A-J])\s*[.、:：)]?\s*(?:\*\*|(?=\S))")
_PICKED = re.compile(
    rf"(?:选项?|选择|故选|应选|答案[是为选：:\s]*|option|choice|choose|pick|select)\s*(?:is\s*|[:：(（]\s*)?{_ONE}",
    re.IGNORECASE,
)
_LIST = re.compile(r"([A-J])(?:\s*(?:,|、|，|;|and|和|与|&)\s*(?=[A-J]\b)|(?=[A-J]))")


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
    labelled = _labelled(options)
    expected = _reference_labels(reference, labelled, zero_based)
    if not expected:
        return undecided(f"the reference {shorten(reference)!r} names no option")
    chosen, how = _chosen(answer, labelled, several=len(expected) > 1)
    if not chosen:
        return undecided("no choice found in the answer", expected="".join(sorted(expected)))
    said, wanted = ", ".join(sorted(chosen)), ", ".join(sorted(expected))
    if chosen == expected:
        return right(f"chose {said}", extracted=said, found=how)
    return wrong(f"chose {said}, not {wanted}", extracted=said, found=how)


def _labelled(options: Sequence[str] | Mapping[str, str] | None) -> dict[str, str]:
    if options is None:
        return {}
    if isinstance(options, Mapping):
        return {str(label).strip().upper(): str(text) for label, text in options.items()}
    return {_LETTERS[position]: str(text) for position, text in enumerate(options)}


def _reference_labels(reference: str | int | Sequence[str], labelled: dict[str, str], zero_based: bool) -> set[str]:
    if isinstance(reference, (list, tuple)):
        return {label for one in reference for label in _reference_labels(one, labelled, zero_based)}
    text = unicodedata.normalize("NFKC", str(reference)).strip()
    by_text = [label for label, option in labelled.items() if _plain(option) == _plain(text)]
    bare = text.strip("()[]{}.:、 ").upper()
    if re.fullmatch(r"\d{1,2}", bare) and bare not in labelled:
        if by_text:
            return {by_text[0]}
        position = int(bare) - (0 if zero_based else 1)
        return {_LETTERS[position]} if 0 <= position < (len(labelled) or len(_LETTERS)) else set()
    if bare in labelled or (len(bare) == 1 and bare in _LETTERS):
        return {bare}
    if by_text:
        return {by_text[0]}
    if re.fullmatch(r"[A-J](?:[\s,、;和]*[A-J])+", bare):
        return set(re.findall(r"[A-J]", bare))
    lead = re.match(r"\(?([A-J])\s*[).、:]\s*\S", text)
    return {lead[1]} if lead else set()


def _chosen(answer: str, labelled: dict[str, str], several: bool) -> tuple[set[str], str]:
    _, closed, after = answer.rpartition("</think>")
    text = "".join(_CIRCLED.get(c, c) for c in (after if closed and after.strip() else answer))
    text = unicodedata.normalize("NFKC", text).strip()
    labels = set(labelled) or set(_LETTERS[:10])
    boxed = boxes(text)[0]
    found = find(text, numbers=False)
    for part, how in ((boxed, "boxed"), (found.answer if found else "", "announced")):
        if part:
            picked = _labels_in(part, labels, labelled, several)
            if picked:
                return picked, how
    if len(text) <= 12 or (several and len(text) <= 30):
        picked = _labels_in(text, labels, labelled, several)
        if picked:
            return picked, "whole text"
    last_line = text.splitlines()[-1] if text else ""
    for place in (last_line, text):
        said = [m[1].upper() for m in _PICKED.finditer(place) if _label(m[1], labels)]
        if said:
            return {_label(said[-1], labels)}, "announced"
    lead = re.match(r"[(\[]?([A-J])\s*[)\].:、,]", text)
    if lead and lead[1] in labels:
        return {lead[1]}, "first letter"
    marked = [next(g for g in m.groups() if g).upper() for m in _MARKED.finditer(text)]
    if marked and marked[-1] in labels:
        return {marked[-1]}, "last marked letter"
    named = _by_text(last_line, labelled) or _by_text(text, labelled)
    return named, "option text"


def _labels_in(part: str, labels: set[str], labelled: dict[str, str], several: bool) -> set[str]:
    """The labels that a short phrase names; otherwise by the option's text."""
    part = re.sub(r"\\(?:text|mathrm|textbf|mathbf)\s*\{([^{}]*)\}", r"\1", part).strip(" *_`$.\"'")
    bare = part.strip("()[]{}.:、 ")
    if _label(bare, labels):
        return {_label(bare, labels)}
    exact = [label for label, option in labelled.items() if _plain(option) == _plain(part)]
    if exact:
        return {exact[0]}
    if several and re.fullmatch(r"\(?[A-J]\)?(?:[\s,、;&]*(?:and|和|与)?[\s,]*\(?[A-J]\)?)+", part):
        return set(re.findall(r"[A-J]", part)) & labels
    lead = re.match(
        r"(?:option|choice|选项?)?\s*[(\[]?([A-Ja-j]|\d{1,2})(?:[)\].:、,]|$|\s+(?:because|since|as|因为))",
        part,
        re.IGNORECASE,
    )
    if lead and _label(lead[1], labels):
        return {_label(lead[1], labels)}
    lead = re.match(
        r"(?:option|choice|选项?)\s*([A-Ja-j]|\d)(?![A-Za-z0-9])|([B-HJ])(?![A-Za-z'’])", part, re.IGNORECASE
    )
    if lead and _label(next(g for g in lead.groups() if g), labels):
        return {_label(next(g for g in lead.groups() if g), labels)}
    return _by_text(part, labelled)


def _label(text: str, labels: set[str]) -> str:
    """The label that a letter or number (from 1) stands for; "" for neither."""
    text = text.upper()
    if text in labels:
        return text
    if text.isdigit() and 1 <= int(text) <= len(_LETTERS) and _LETTERS[int(text) - 1] in labels:
        return _LETTERS[int(text) - 1]
    return ""


def _by_text(place: str, labelled: dict[str, str]) -> set[str]:
    """The one option whose text occurs in `place`; none if several do and none contains the others."""
    said = _plain(place)
    named = {label: _plain(text) for label, text in labelled.items() if _plain(text) and _stands_in(_plain(text), said)}
    texts = set(named.values())
    longest = {label for label, text in named.items() if not any(text != one and text in one for one in texts)}
    return longest if len(longest) == 1 else set()


def _stands_in(option: str, said: str) -> bool:
    if option.isascii():
        return bool(re.search(rf"(?<![a-z0-9.]){re.escape(option)}(?![a-z0-9])", said))
    return option in said


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .,;:。，；：\"'*")
