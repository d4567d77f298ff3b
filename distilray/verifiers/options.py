"""The options of a question: their labels and texts, and which of them a short phrase names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from distilray.verifiers.closeness import same_number
from distilray.verifiers.notation import plain_latex
from distilray.verifiers.values import Scalar, read_value

LETTERS = "ABCDEFGHIJ"
_LONGEST = 1000  # characters of a phrase, or of an option that it repeats
_CIRCLED = {chr(0x2460 + n): str(n + 1) for n in range(20)}
_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0x3010: 0x5B, 0x3011: 0x5D}
_WRAPPED = re.compile(r"\\(?:text|mathrm|textbf|mathbf|textnormal|mathsf|mbox|bm)\s*\{([^{}]*)\}")
_LETTER = r"(?<![A-Za-z0-9\\])[(\[<{]?\s*\*{0,2}([A-Z])\*{0,2}\s*[)\]>}]?(?![A-Za-z0-9'’_^=])"
_JOIN = r"\s*(?:,|、|;|&|/|\band\b|\bor\b|和|与|或者?|及|以及)?\s*"
_ONLY_LETTERS = re.compile(rf"\s*(?:both\s+|either\s+)?(?:{_LETTER}{_JOIN})*(?:选项|项)?\s*\.?\s*")
_RUN = re.compile(r"[A-Z]{2,10}")
_ONE = re.compile(_LETTER)
_LEAD = re.compile(
    r"\s*(?:option|choice|statement|answer|选项?|第)?\s*[(\[]?([A-Za-z]|\d{1,2})(?:[)\]](?![A-Za-z0-9])|[.:、,](?!\d)|个|项|选项|$"
    r"|\s+(?:because|since|as|for|which|is|due)\b|因为|,?因)",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:option|choice|statement)\s*[(\[]?([A-Za-z]|\d{1,2})(?![A-Za-z0-9])|选项?\s*([A-Z])|([A-Z])\s*(?:选项|项)",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"\s+[a-z]{2,}")
_REST = re.compile(
    r"(?:\bnot\b|\bnor\b|\bneither\b|n't\b|不是|并非|不选|不应该?选|而非)\s*(?:be\s+|option\s+|choice\s+|选项?)?[(\[]?[A-Z][)\]]?"
    r"(?:\s*(?:,|or|nor|and|和|或|、)\s*[(\[]?[A-Z][)\]]?(?![A-Za-z]))*\s*[,;]?\s*"
    r"(?:(?:but|rather|instead)\b[\s,]*(?:rather\b|it\s+is|is)?|\bit\s+is\b|而是|而选|而应选?|应选|应该?是|应为|是|选)\s*(?=\S)"
)
_DENIED = re.compile(r"\s*(?:not\b|n't|neither\b|cannot\b|不是|并非|不选|不可能|不为|非)")
_EXCLUDED = re.compile(
    r"(?:,\s*)?(?:\b(?:is|are|and|but)\s+)?(?:\bnot\b|n't\b|\brather\s+than|\binstead\s+of|不是|并非|不选|而非)\s*(?:be\s+|option\s+|choice\s+|选项?)?[(\[]?[A-Z][)\]]?"
    r"(?:\s*(?:,|or|nor|and|和|或|、)\s*[(\[]?[A-Z][)\]]?)*(?![A-Za-z])"
)
_NONE = re.compile(
    r"[\s(]*none\b[\s)]*$|\bnone\s+of\s+(?:the|these|those|them|above)|\bneither\s+(?:option|choice|of|answer|one)"
    r"|\bno\s+(?:\w+\s+)?(?:answer|option|choice)s?\b|\bnot\s+(?:among|one\s+of|listed|in|given)\b|\bcannot\s+be\s+(?:determined|answered)"
    r"|^\s*无\s*$|无(?:正确|法|解)|没有.{0,12}(?:正确|符合)|(?:都|均)不|题目?.{0,10}(?:有误|错误|出错|不足)",
    re.IGNORECASE,
)
_OPTION_LIST = re.compile(r"(?<![A-Za-z])[(\[]?[A-J][.)、:](?=\s|\S{2})")


class Named(NamedTuple):
    """The options that a phrase names: by their letters, or by what they say. `nothing`: that none of them is right."""

    labels: frozenset[str]
    by_letter: bool = True
    nothing: bool = False


class Options:
    """Labels, and texts where they are known; A to J where nothing is."""

    def __init__(self, options: Sequence[str] | Mapping[str, str] | None, zero_based: bool = False):
        if isinstance(options, Mapping):
            self.texts = {str(label).strip().strip("()[]").upper(): str(text) for label, text in options.items()}
        else:
            self.texts = {chr(65 + place): str(text) for place, text in enumerate(options or ())}
        self.labels = list(self.texts) or list(LETTERS)
        self.known = bool(self.texts)
        self._first = 0 if zero_based else 1
        self._plain = {label: plain(text) for label, text in self.texts.items()}
        self._numeric = any(re.fullmatch(r"[-+]?[\d.,]+", text) for text in self._plain.values())

    def by_exact_text(self, part: str) -> str:
        """The label of the option that says just this; "" for none, or for several."""
        wanted = plain(part)
        found = [label for label, text in self._plain.items() if text and text == wanted]
        if len(found) != 1:
            found = [label for label, text in self.texts.items() if text.strip() == part.strip()][:1] if found else []
        return found[0] if found else ""

    def at_position(self, number: str) -> str:
        """The label at a position; "" where there is none, or where the options themselves are numbers."""
        place = int(number) - self._first
        return self.labels[place] if not self._numeric and 0 <= place < len(self.labels) else ""

    def label(self, text: str) -> str:
        """The label that a letter, or a number as a position, stands for; "" for neither."""
        text = text.upper()
        if text in self.labels:
            return text
        return self.at_position(text) if text.isdigit() and len(text) < 3 else ""

    def by_value(self, part: str) -> str:
        """The only option whose number, or formula as it is written, is that of `part`."""
        if not self.known or not re.search(r"[\d\\]", part):
            return ""
        given = read_value(plain_latex(part))
        tight = re.sub(r"\s+", "", plain_latex(part))
        found = []
        for label, text in self.texts.items():
            value = read_value(plain_latex(text)) if re.search(r"[\d\\]", text) else None
            if (
                isinstance(given, Scalar)
                and isinstance(value, Scalar)
                and given.exact is not None
                and value.exact is not None
            ):
                if same_number(given, value, given.exact, value.exact, 0.0):
                    found.append(label)
            elif value is not None and re.sub(r"\s+", "", plain_latex(text)) == tight:
                found.append(label)
        return found[0] if len(found) == 1 else ""

    def mentioned(self, place: str) -> frozenset[str]:
        """The one option whose text occurs in `place`; none if several do and none contains the others."""
        said = plain(place)
        named = {label: text for label, text in self._plain.items() if text and _stands_in(text, said)}
        texts = set(named.values())
        longest = {label for label, text in named.items() if not any(text != one and text in one for one in texts)}
        return frozenset(longest) if len(longest) == 1 else frozenset()

    def named_in(self, part: str) -> Named | None:
        """The options that a short phrase names; None where it names none with confidence."""
        if len(part) > _LONGEST:
            return None
        part = _WRAPPED.sub(r"\1", part).strip(" \t\n*_`$\"'“”").rstrip(".。,")
        denied = _REST.search(part)
        if denied:
            part = part[denied.end() :].strip(" *")
        elif _DENIED.match(part):
            return None
        exact = self.by_exact_text(part)
        bare = part.strip("()[]{}<>.:、 *")
        if len(bare) == 1 and bare.upper() in self.labels:
            if exact and exact != bare.upper() and self.texts[exact].strip("()[]. ") == bare:
                return None  # the letter of one option is what another one says
            return Named(frozenset(bare.upper()))
        if exact:
            return Named(frozenset([exact]), by_letter=False)
        if len(_OPTION_LIST.findall(part)) > 2:
            return None  # the options once more
        if _NONE.match(part) and not self.mentioned(part):
            return Named(frozenset(), nothing=True)
        named = self._lettered(part, bare) or self._worded(part, bare)
        return named or (Named(frozenset(), nothing=True) if _NONE.search(part) else None)

    def _lettered(self, part: str, bare: str) -> Named | None:
        if excluded := _EXCLUDED.search(part):  # "B, not A"; 选B而不是A
            rest = f"{part[: excluded.start()]} {part[excluded.end() :]}".strip(" ,;")
            return self._lettered(rest, rest.strip("()[]. *")) if rest else None
        if _ONLY_LETTERS.fullmatch(part) and (letters := set(_ONE.findall(part))):
            return self._of(letters)
        if _RUN.fullmatch(bare) and set(bare) <= set(self.labels) and bare == "".join(sorted(bare)):
            return self._of(set(bare))
        lead = _LEAD.match(part)
        if lead and (lead[1].isupper() or lead[1].isdigit() or not part[lead.end(1) :].strip(")].: ")):
            label = self.label(lead[1])
            if label or (lead[1].isupper() and lead[1].isalpha() and self.known):
                return Named(frozenset([label or lead[1].upper()]))
        named = {self.label(next(filter(None, match.groups()))) for match in _NAMED.finditer(part)} - {""}
        if len(named) == 1:
            return Named(frozenset(named))
        alone = [
            m
            for m in _ONE.finditer(part)
            if not (m[1] in "AI" and m[0].strip() in "AI" and _ARTICLE.match(part, m.end(1)))
        ]
        letters = {match[1] for match in alone if match[1] in self.labels}
        return self._of(letters) if letters and len(part) < 120 else None

    def _worded(self, part: str, bare: str) -> Named | None:
        if re.fullmatch(r"\d{1,2}", bare) and (label := self.at_position(bare)):
            return Named(frozenset([label]))
        if label := self.by_value(part):
            return Named(frozenset([label]), by_letter=False)
        mentioned = self.mentioned(part)
        return Named(mentioned, by_letter=False) if mentioned else None

    def _of(self, letters: set[str]) -> Named:
        return Named(frozenset(letters))


def plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .,;:。，；：\"'*$")


def narrowed(text: str, circled: bool = False) -> str:
    """Full-width characters as their ASCII ones; circled numbers, which count statements, only where asked."""
    text = text.translate(_WIDE)
    return "".join(_CIRCLED.get(c, c) for c in text) if circled else text


def _stands_in(option: str, said: str) -> bool:
    if option.isascii():
        return bool(re.search(rf"(?<![a-z0-9.])(?<!not )(?<!than ){re.escape(option)}(?![a-z0-9])", said))
    return option in said
