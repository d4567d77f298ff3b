"""Which instructions of an IFEval record a reply follows, strictly or loosely.

    following("no commas here", ["punctuation:no_comma"], [{}])       [True]

Loosely: the reply as it is, without its first or last line or both, each with and without asterisks; one of these
eight texts has to follow the instruction. An empty text follows none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from distilray.verifiers.instructions import counting, layout

INSTRUCTIONS: dict[str, Callable[..., bool]] = {
    "keywords:existence": counting.keywords_present,
    "keywords:frequency": counting.keyword_count,
    "keywords:forbidden_words": counting.words_absent,
    "keywords:letter_frequency": counting.letter_count,
    "language:response_language": layout.is_in_language,
    "length_constraints:number_sentences": counting.sentence_count,
    "length_constraints:number_paragraphs": counting.paragraph_count,
    "length_constraints:number_words": counting.word_count,
    "length_constraints:nth_paragraph_first_word": counting.paragraph_first_word,
    "detectable_content:number_placeholders": layout.placeholder_count,
    "detectable_content:postscript": layout.has_postscript,
    "detectable_format:number_bullet_lists": layout.bullet_count,
    "detectable_format:constrained_response": layout.is_constrained,
    "detectable_format:number_highlighted_sections": layout.highlight_count,
    "detectable_format:multiple_sections": layout.section_count,
    "detectable_format:json_format": layout.is_json,
    "detectable_format:title": layout.has_title,
    "combination:two_responses": layout.two_responses,
    "combination:repeat_prompt": layout.repeats_prompt,
    "startend:end_checker": layout.ends_with,
    "startend:quotation": layout.is_quoted,
    "change_case:capital_word_frequency": counting.capital_word_count,
    "change_case:english_capital": layout.is_capital_english,
    "change_case:english_lowercase": layout.is_lowercase_english,
    "punctuation:no_comma": layout.has_no_comma,
}


def instruction_name(written: str) -> str:
    """The name without the language that M-IFEval writes before it (``en:punctuation:no_comma``)."""
    return written.removeprefix("en:")


def following(
    text: str, names: Sequence[str], arguments: Sequence[Mapping[str, Any]], *, loose: bool = False
) -> list[bool]:
    """For each of ``names``, whether ``text`` follows it with its ``arguments`` (those that are null are left out).

    Raises:
        ValueError: an instruction that does not exist, or arguments that it does not take.
    """
    if len(names) != len(arguments):
        raise ValueError(f"{len(names)} instructions with {len(arguments)} sets of arguments")
    texts = [one for one in (_variants(text) if loose else [text]) if one.strip()]
    return [_followed(texts, instruction_name(name), given) for name, given in zip(names, arguments, strict=True)]


def _followed(texts: Sequence[str], name: str, given: Mapping[str, Any]) -> bool:
    if name not in INSTRUCTIONS:
        raise ValueError(f"there is no IFEval instruction {name!r}")
    wanted = {key: value for key, value in given.items() if value is not None}
    try:
        return any(INSTRUCTIONS[name](text, **wanted) for text in texts)
    except TypeError as error:
        raise ValueError(f"the arguments {wanted} are not those of {name}") from error


def _variants(text: str) -> list[str]:
    lines = text.split("\n")
    cut = ["\n".join(lines[first : len(lines) - last]).strip() for first, last in product((0, 1), (0, 1))]
    cut[0] = text
    return [one for each in cut for one in (each, each.replace("*", ""))]
