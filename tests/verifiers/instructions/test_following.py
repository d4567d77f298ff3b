"""IFEval's 25 kinds of instructions: a reply that follows each, one that does not, and what "loosely" forgives."""

from __future__ import annotations

from typing import Any

import pytest

from distilray.verifiers import verify_now
from distilray.verifiers.instructions.following import INSTRUCTIONS, following

AT_LEAST = "at least"
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("keywords:existence", {"keywords": ["sea", "salt"]}, "SEA and salty air", "sea air"),
    ("keywords:frequency", {"relation": AT_LEAST, "keyword": "tea", "frequency": 2}, "Tea, teapot", "one tea"),
    ("keywords:forbidden_words", {"forbidden_words": ["rock"]}, "rocket science", "a Rock!"),
    ("keywords:letter_frequency", {"let_relation": "less than", "letter": "q", "let_frequency": 2}, "Quiet", "Q q"),
    ("keywords:letter_frequency", {"let_relation": AT_LEAST, "letter": "!", "let_frequency": 2}, "Ha!!", "Ha!"),
    ("language:response_language", {"language": "de"}, "Das ist ein schöner Tag im Wald.", "It is a nice day out."),
    (
        "length_constraints:number_sentences",
        {"relation": "less than", "num_sentences": 3},
        "Dr. No came. He left.",
        "A fox. A hen. A pig.",
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "one\n***\ntwo", "one\n***\n\n***\ntwo"),
    ("length_constraints:number_words", {"relation": AT_LEAST, "num_words": 3}, "well-known fact", "two words"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "so"},
        "A.\n\n'So, b.",
        "A.\n\nB so.",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] of [town]", "[name]"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Bye.\np. p. s. More", "Bye.\nPS more"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye. P. S. More", "Bye."),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b\n**c**", "* a\n- b\n- c"),
    ("detectable_format:constrained_response", {}, "I say: My answer is no.", "no"),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* then **b**", "*a* then ** **"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "SECTION 1\nSECTION 2",
        "SECTION 1\nSection 2",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', '{"a": 1'),
    ("detectable_format:title", {}, "<<A title>>\ntext", "<< >>\ntext"),
    ("combination:two_responses", {}, "one******two", "one******one"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it."}, "say it. I did.", "I did: say it."),
    ("startend:end_checker", {"end_phrase": "Is that all?"}, 'Yes. "Is that all?"', "Is that all? Yes."),
    ("startend:quotation", {}, ' "quoted" ', '"quoted'),
    (
        "change_case:capital_word_frequency",
        {"capital_relation": AT_LEAST, "capital_frequency": 2},
        "NASA and ESA.",
        "NASA and Esa.",
    ),
    ("change_case:english_capital", {}, "THIS IS A SENTENCE IN ENGLISH.", "This is a sentence in English."),
    ("change_case:english_lowercase", {}, "this is a sentence in english.", "THIS is a sentence."),
    ("punctuation:no_comma", {}, "one and two", "one, two"),
]


@pytest.mark.parametrize(("name", "arguments", "meets", "misses"), CASES)
def test_a_reply_that_follows_and_one_that_does_not(name: str, arguments: dict[str, Any], meets: str, misses: str):
    assert following(meets, [name], [arguments]) == [True]
    assert following(misses, [name], [arguments]) == [False]
    assert following("  ", [name], [arguments]) == [False]


def test_every_kind_is_tried():
    assert {case[0] for case in CASES} == INSTRUCTIONS.keys()
    assert len(INSTRUCTIONS) == 25


def test_loosely_a_first_line_a_last_line_and_asterisks_are_forgiven():
    names = ["combination:repeat_prompt", "startend:end_checker", "punctuation:no_comma"]
    arguments = [{"prompt_to_repeat": "Say it."}, {"end_phrase": "done"}, {}]
    reply = "Sure, here it is:\n*Say it.*\nI am **done**\nAnything else, friend?"
    assert following(reply, names, arguments) == [False, False, False]
    assert following(reply, names, arguments, loose=True) == [True, True, True]


def test_arguments_that_are_null_are_not_given():
    arguments = {"num_words": 2, "relation": "at least", "letter": None, "num_bullets": None}
    assert following("two words", ["en:length_constraints:number_words"], [arguments]) == [True]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("haiku:seasons", {}, "no IFEval instruction 'haiku:seasons'"),
        ("keywords:existence", {"word": "sea"}, "are not those of keywords:existence"),
        ("length_constraints:number_words", {"relation": "around", "num_words": 9}, "neither 'less than' nor"),
    ],
)
def test_what_is_no_instruction_leaves_the_verdict_open(name: str, arguments: dict[str, Any], message: str):
    verdict = verify_now("format", "a reply", {"instruction_id_list": [name], "kwargs": [arguments]})
    assert verdict.right is None and message in verdict.reason
