"""What a prompt sends: constant words first, then the row, then what varies between calls."""

from __future__ import annotations

import jinja2
import pytest

from distilray.prompts import ANSWER, EXTEND_TRACE, JUDGE, RATE_TRACE, SHORTEN_TRACE, Prompt
from distilray.rows import Row

LANGUAGES = ["en", "zh"]
ALL = [ANSWER, JUDGE, RATE_TRACE, SHORTEN_TRACE, EXTEND_TRACE]
VARIABLES = {"answer": "ANSWER-TEXT", "trace": "TRACE-TEXT"}


def row(question: str, language: str = "en", task: str = "math") -> Row:
    return Row(
        {
            "id": question,
            "language": language,
            "task": task,
            "messages": [{"role": "user", "content": question}],
        }
    )


def flat(prompt: Prompt, about: Row, **variables: str) -> str:
    return "".join(message["role"] + message["content"] for message in prompt.messages(about, **variables))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("prompt", ALL, ids=repr)
def test_every_prompt_renders_in_every_language_with_the_question_in_it(prompt: Prompt, language: str) -> None:
    system, user = prompt.messages(row("How many?", language), **VARIABLES)
    assert system["role"] == "system" and user["role"] == "user"
    assert "How many?" in user["content"] and "How many?" not in system["content"]
    assert not {"{%", "{{", "%}", "}}"} & set(system["content"].split() + user["content"].split())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("prompt", ALL, ids=repr)
def test_the_constant_part_is_the_same_for_every_row_of_a_task(prompt: Prompt, language: str) -> None:
    systems = {prompt.messages(row(question, language), **VARIABLES)[0]["content"] for question in ("one?", "two?")}
    assert len(systems) == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("prompt", [RATE_TRACE, SHORTEN_TRACE, EXTEND_TRACE], ids=repr)
def test_what_varies_between_calls_about_a_row_comes_last(prompt: Prompt, language: str) -> None:
    first = flat(prompt, row("How many?", language), answer="7", trace="3+4=7")
    second = flat(prompt, row("How many?", language), answer="7", trace="7")
    assert first.endswith("3+4=7") and first.removesuffix("3+4=7") == second.removesuffix("7")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_that_is_not_known_is_left_out(language: str) -> None:
    known = flat(RATE_TRACE, row("How many?", language), answer="861", trace="x")
    unknown = RATE_TRACE.messages(row("How many?", language), answer=None, trace="x")[1]["content"]
    assert "861" in known and "861" not in unknown and "None" not in unknown


def test_a_variable_that_is_not_given_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="trace"):
        RATE_TRACE.messages(row("How many?"), answer="7")


def test_a_language_without_a_template_is_asked_in_english() -> None:
    assert ANSWER.messages(row("Combien?", "fr"))[0] == ANSWER.messages(row("How many?"))[0]


def test_a_conversation_of_several_turns_is_shown_with_its_speakers() -> None:
    turns = [
        {"role": "user", "content": "2+3?"},
        {"role": "assistant", "content": "5"},
        {"role": "user", "content": "And doubled?"},
    ]
    user = JUDGE.messages(Row({"id": "x", "messages": turns}), answer="10")[1]["content"]
    assert "[user]\n2+3?\n\n[assistant]\n5\n\n[user]\nAnd doubled?" in user and user.endswith("10")


def test_templates_given_as_text_may_have_no_system_message() -> None:
    prompt = Prompt("own", str, templates={"en": "Say {{ row.instruction }}."})
    assert prompt.messages(row("hello")) == [{"role": "user", "content": "Say hello."}]


def test_a_rule_in_the_users_block_does_not_end_the_system_message() -> None:
    prompt = Prompt("own", str, templates={"en": "Be kind.\n---\nabove\n---\nbelow"})
    assert prompt.messages(row("x"))[1]["content"] == "above\n---\nbelow"


def test_the_hash_follows_the_parser_and_the_wording_does_not() -> None:
    words = {"en": "Say it."}

    def parse_upper(reply: str) -> str:
        return reply.upper()

    def parse_lower(reply: str) -> str:
        return reply.lower()

    upper, lower = Prompt("own", parse_upper, templates=words), Prompt("own", parse_lower, templates=words)
    assert upper.hash != lower.hash and upper.wording == lower.wording
    assert Prompt("own", parse_upper, templates={"en": "Say it!"}).wording != upper.wording
