"""What travels arrives as it was."""

from __future__ import annotations

import msgspec
import pytest

from distilray.models import ClassifyRequest, Constraint, LabelReply, PromptTooLong, Reply, ScoreRequest
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
    found = decode_batch(encode_batch(requests))
    assert found == [msgspec.structs.replace(sent, affinity="") for sent in requests]
    assert found[1].constraint is found[3].constraint and found[1].sampling is found[3].sampling  # they travelled once


def test_requests_of_all_kinds_share_a_batch():
    requests = [request("one"), ScoreRequest([4, 5], (1,), ""), ClassifyRequest({"conversation": "two"}, "")]
    found = decode_batch(encode_batch(requests))
    assert [type(one) for one in found] == [type(sent) for sent in requests]
    assert found[1:] == requests[1:]


def test_replies_arrive_whole():
    reply = Reply("文本", "stop", 3, 4, 1, "because", [{"文": -0.5, "本": -1.0}], 0.25)
    label = LabelReply("maths", {"maths": -0.1, "code": -2.5}, 9, 0.5)
    answers = [(7, [reply, reply]), (8, [label])]
    assert decode_answers(encode_answers(answers)).answers == answers


def test_an_error_arrives_as_the_same_error():
    ((index, fault),) = decode_answers(encode_answers([(1, Fault.of(PromptTooLong("9 tokens")))])).answers
    with pytest.raises(PromptTooLong, match="9 tokens"):
        raise fault.exception()
    assert index == 1


def test_a_broken_message_is_refused():
    with pytest.raises(msgspec.DecodeError):
        decode_answers(b"\x00")
