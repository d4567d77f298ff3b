"""Instructions that count or look for words, letters, sentences and paragraphs.

    word_count("Two words.", relation="at least", num_words=2)          True
    keyword_count("No, no.", relation="less than", keyword="no", frequency=2)   False

Each takes the reply and the arguments that IFEval's data gives the instruction, by the same names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

ABBREVIATIONS = """
a.m adj adm adv approx apr assoc asst aug ave b.c bros c.e capt cf cmdr co col corp dec dept dr e.g etc ex feb fri ft
gov govt hon i.e inc jan jr jul jun lb ll.d lt ltd m.d maj messrs misc mr mrs ms mt nov oct oz p.m ph.d pp prof pt rep
rev sen sept sgt sr st supt thu tue u.k u.n u.s u.s.a univ viz vol vs
"""
"""After these a full stop ends no sentence, unless what follows says that it does."""

_FIRST_WORD_ENDS = re.compile(r"[.,?!'\"]")


def compare(count: int, relation: str, bound: int) -> bool:
    """Whether ``count`` is "less than" or "at least" ``bound``; :class:`ValueError` for another relation."""
    if relation == "less than":
        return count < bound
    if relation == "at least":
        return count >= bound
    raise ValueError(f"the relation {relation!r} is neither 'less than' nor 'at least'")


def keywords_present(text: str, *, keywords: Sequence[str]) -> bool:
    return all(re.search(word, text, re.IGNORECASE) for word in keywords)


def keyword_count(text: str, *, relation: str, keyword: str, frequency: int) -> bool:
    return compare(len(re.findall(keyword, text, re.IGNORECASE)), relation, frequency)


def words_absent(text: str, *, forbidden_words: Sequence[str]) -> bool:
    return not any(re.search(rf"\b{word}\b", text, re.IGNORECASE) for word in forbidden_words)


def letter_count(text: str, *, let_relation: str, letter: str, let_frequency: int) -> bool:
    """The character as it was asked for, which in some prompts is ``#`` or ``!``."""
    return compare(text.lower().count(letter.lower()), let_relation, let_frequency)


def word_count(text: str, *, relation: str, num_words: int) -> bool:
    return compare(len(re.findall(r"\w+", text)), relation, num_words)


def sentence_count(text: str, *, relation: str, num_sentences: int) -> bool:
    return compare(len(_sentences().tokenize(text)), relation, num_sentences)


def capital_word_count(text: str, *, capital_relation: str, capital_frequency: int) -> bool:
    """Words of capital letters alone, in the Penn Treebank's way of dividing a text into words."""
    words = [word for sentence in _sentences().tokenize(text) for word in _words().tokenize(sentence)]
    return compare(sum(word.isupper() for word in words), capital_relation, capital_frequency)


def paragraph_count(text: str, *, num_paragraphs: int) -> bool:
    """Paragraphs between lines of ``***``; an empty one may only be the first or the last, and does not count."""
    parts = [part.strip() for part in re.split(r"\s?\*\*\*\s?", text)]
    if not all(parts[1:-1]):
        return False
    return sum(bool(part) for part in parts) == num_paragraphs


def paragraph_first_word(text: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Paragraphs between blank lines: their number, and the word that the n-th begins with."""
    parts = text.split("\n\n")
    count = sum(bool(part.strip()) for part in parts)
    if nth_paragraph > count or count != num_paragraphs:
        return False
    words = parts[nth_paragraph - 1].split()
    if not words:
        return False
    return _FIRST_WORD_ENDS.split(words[0].lstrip("'").lstrip('"'))[0].lower() == first_word.lower()


@cache
def _sentences() -> Any:
    """NLTK's Punkt, told which words are abbreviations, so that nothing has to be downloaded."""
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types = set(ABBREVIATIONS.split())
    return PunktSentenceTokenizer(parameters)


@cache
def _words() -> Any:
    from nltk.tokenize import NLTKWordTokenizer

    return NLTKWordTokenizer()
