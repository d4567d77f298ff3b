"""What a conversation remembers, and how replies are shown."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from distilray.serve.console.clients import CannotAnswer, Message
from distilray.serve.console.conversation import Conversation, reply_in_turn


class Counter:
    """Answers with the number of turns it was given; fails on the question "fail" after a first piece."""

    def __init__(self, name: str) -> None:
        self.name = name

    def answer(self, messages: list[Message]) -> Iterator[str]:
        yield "turns: "
        if messages[-1]["content"] == "fail":
            raise CannotAnswer("no")
        yield str(len(messages))


def shown(conversations: list[Conversation], question: str) -> str:
    out = io.StringIO()
    reply_in_turn(conversations, question, out)
    return out.getvalue()


def test_a_conversation_remembers_questions_and_replies():
    conversation = Conversation(Counter("student"))
    assert shown([conversation], "a") == "turns: 1\n"
    assert shown([conversation], "b") == "turns: 3\n"


def test_a_reset_forgets():
    conversation = Conversation(Counter("student"))
    shown([conversation], "a")
    conversation.reset()
    assert shown([conversation], "b") == "turns: 1\n"


def test_a_question_without_reply_is_forgotten():
    conversation = Conversation(Counter("student"))
    with pytest.raises(CannotAnswer):
        shown([conversation], "fail")
    assert shown([conversation], "b") == "turns: 1\n"


def test_two_models_answer_one_after_the_other_under_their_names():
    both = [Conversation(Counter("before")), Conversation(Counter("after"))]
    assert shown(both, "a") == "before:\nturns: 1\n\nafter:\nturns: 1\n\n"


def test_a_model_cannot_steer_the_terminal():
    class Painter(Counter):
        def answer(self, messages: list[Message]) -> Iterator[str]:
            yield "\x1b[2Jred\n\tblue"

    assert shown([Conversation(Painter("student"))], "a") == "[2Jred\n\tblue\n"
