"""Instructions on how a reply looks: marks, sections, JSON, case, language, first and last words.

Each takes the reply and the arguments that IFEval's data gives the instruction, by the same names.
"""

from __future__ import annotations

import json
import re

CONSTRAINED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
"""The replies among which the instruction ``constrained_response`` lets a model choose."""


def placeholder_count(text: str, *, num_placeholders: int) -> bool:
    return len(re.findall(r"\[.*?\]", text)) >= num_placeholders


def has_postscript(text: str, *, postscript_marker: str) -> bool:
    """The marker anywhere in a line; ``P.S.`` and ``P.P.S`` also with spaces after their full stops."""
    spaced = {"P.S.": r"p\.\s?s\.", "P.P.S": r"p\.\s?p\.\s?s"}
    return bool(re.search(spaced.get(postscript_marker, postscript_marker.lower()), text.lower()))


def bullet_count(text: str, *, num_bullets: int) -> bool:
    stars = re.findall(r"^\s*\*[^*].*$", text, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", text, re.MULTILINE)
    return len(stars) + len(dashes) == num_bullets


def is_constrained(text: str) -> bool:
    return any(one in text for one in CONSTRAINED)


def highlight_count(text: str, *, num_highlights: int) -> bool:
    """``*sections*`` and ``**sections**`` that say something."""
    single = re.findall(r"\*([^\n*]*)\*", text)
    double = re.findall(r"\*\*([^\n*]*)\*\*", text)
    return sum(bool(part.strip()) for part in (*single, *double)) >= num_highlights


def section_count(text: str, *, section_spliter: str, num_sections: int) -> bool:
    """Sections headed ``SECTION 1``, by whatever word was asked for."""
    return len(re.findall(rf"{section_spliter}\s?\d+", text)) >= num_sections


def is_json(text: str) -> bool:
    """The whole reply, in a fence or bare."""
    body = re.sub(r"\A(?:```(?:json|Json|JSON)?)", "", text.strip())
    try:
        json.loads(body.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def has_title(text: str) -> bool:
    return any(title.strip("<> ") for title in re.findall(r"<<[^\n]+>>", text))


def two_responses(text: str) -> bool:
    """Two different ones with six asterisks between them; an empty part may only be the first or the last."""
    parts = [part.strip() for part in text.split("******")]
    if not all(parts[1:-1]):
        return False
    said = [part for part in parts if part]
    return len(said) == 2 and said[0] != said[1]


def repeats_prompt(text: str, *, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def ends_with(text: str, *, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def is_quoted(text: str) -> bool:
    body = text.strip()
    return len(body) > 1 and body[0] == body[-1] == '"'


def has_no_comma(text: str) -> bool:
    return "," not in text


def is_in_language(text: str, *, language: str) -> bool:
    """By langdetect; a text whose language cannot be told counts as followed, as in IFEval's own code."""
    import langdetect

    langdetect.DetectorFactory.seed = 0  # it draws at random; a verdict must not
    try:
        return langdetect.detect(text) == language
    except langdetect.LangDetectException:
        return True


def is_capital_english(text: str) -> bool:
    return text.isupper() and is_in_language(text, language="en")


def is_lowercase_english(text: str) -> bool:
    return text.islower() and is_in_language(text, language="en")
