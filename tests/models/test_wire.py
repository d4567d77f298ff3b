"""What travels arrives as it was."""

from __future__ import annotations

import msgspec
import pytest

from distilray.models import Constraint, PromptTooLong, Reply
from distilray.models.wire import Fault, decode_answers, decode_batch, encode_answers, encode_batch
from tests.support.models import request


def test_a_batch_arrives_with_each_ask_beside_its_own_sampling_and_constraint():
    choice = Constraint("choice", ["a", "b"])
    schema = Constraint("json", {"type": "object"})
    requests = [
        request("one", max_tokens=5),
        request("two", max_tokens=6, constraint=choice),
        request("three", max_tokens=5, constraint=schema, n=3, seed=2**62, stop=("x",)),
        request("four", max_tokens=6, constraint=choice),
    ]
    batch = decode_batch(encode_batch(requests))
    assert [ask.messages for ask in batch.asks] == [sent.messages for sent in requests]
    assert [batch.constraint_of(ask) for ask in batch.asks] == [None, choice, schema, choice]
    assert [batch.sampling_of(ask)["max_tokens"] for ask in batch.asks] == [5, 6, 5, 6]
    assert (batch.asks[2].n, batch.asks[2].seed) == (3, 2**62)
    assert len(batch.samplings) == 3 and len(batch.constraints) == 2


def test_replies_arrive_whole():
    reply = Reply("文本", "stop", 3, 4, 1, "because", [{"文": -0.5, "本": -1.0}], 0.25)
    assert decode_answers(encode_answers([(7, [reply, reply])])) == [(7, [reply, reply])]


def test_an_error_arrives_as_the_same_error():
    ((index, fault),) = decode_answers(encode_answers([(1, Fault.of(PromptTooLong("9 tokens")))]))
    with pytest.raises(PromptTooLong, match="9 tokens"):
        raise fault.exception()
    assert index == 1


def test_a_broken_message_is_refused():
    with pytest.raises(msgspec.DecodeError):
        decode_answers(b"\x00")
