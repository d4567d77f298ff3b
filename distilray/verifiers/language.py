"""The language of a text: by script if that settles it, else by py3langid's model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from distilray.verifiers.verdict import Verdict, right, undecided, wrong

_CODE = re.compile(r"```.*?(?:```|$)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$|\\\(.*?\\\)|\\\[.*?\\\]|https?://\S+", re.DOTALL)
_SCRIPTS = (
    ("ja", re.compile("[぀-ヿ]")),
    ("ko", re.compile("[가-힯]")),
    ("zh", re.compile("[一-鿿㐀-䶿]")),
)
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_LONGEST = 4000
_EASTERN = re.compile("[぀-ヿ一-鿿㐀-䶿가-힯]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]{2,}")


def detect_language(text: str) -> str:
    """An ISO 639-1 code ("en", "zh", ...), or "unknown" if too little text is left without code and formulas."""
    said = re.sub(r"\\[a-zA-Z]+", " ", _CODE.sub(" ", text[: 2 * _LONGEST]))[:_LONGEST]
    letters = len(_LETTER.findall(said))
    counts = {name: len(script.findall(said)) for name, script in _SCRIPTS}
    words = len(_WORD.findall(re.sub("[぀-鿿가-힯]", " ", said)))
    # A Chinese character says about as much as two thirds of a Latin word.
    eastern = sum(counts.values())
    if eastern and eastern >= 1.5 * words:
        if counts["ko"] > counts["zh"] + counts["ja"]:
            return "ko"
        return "ja" if counts["ja"] * 8 > counts["zh"] else "zh"
    if letters < 3 or not words:
        return "unknown"
    import py3langid  # the model takes a moment to load, and most texts never need it

    return py3langid.classify(re.sub("[぀-鿿가-힯]", " ", said))[0]


def verify_language(answer: str, reference: str | Sequence[str]) -> Verdict:
    """Whether `answer` is written in the language `reference` (a code, or several acceptable ones)."""
    wanted = [reference] if isinstance(reference, str) else list(reference)
    found = detect_language(answer)
    if found == "unknown":
        return undecided("too little text to tell the language", language=found)
    if found in [code.lower().split("-")[0] for code in wanted]:
        return right(f"written in {found}", language=found)
    return wrong(f"written in {found}, not {' or '.join(wanted)}", language=found)


def same_language(text: str, language: str) -> bool:
    """Whether ``text`` can be an answer in ``language``, by script: formulas and code are in every language.

    Only ``zh`` and the languages of Latin script are distinguished; anything else passes. Cheap enough for an event
    loop.
    """
    eastern = len(_EASTERN.findall(text))
    words = len(_LATIN_WORD.findall(text))
    if language == "zh":
        return eastern > 0 or words < 8
    if language in ("ja", "ko"):
        return True
    return eastern * 2 <= words or eastern < 4
