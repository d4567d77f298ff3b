"""An endpoint's limits, moods and refusals, against a real HTTP server on loopback."""

from __future__ import annotations

import asyncio

import pytest

from distilray.models import Constraint, ModelError, NoEngineAlive, PromptTooLong, RequestTimedOut
from tests.support.endpoint import Endpoint, completion, refusal
from tests.support.models import request


def echo(body, k):
    return completion(body, body["messages"][-1]["content"])


def test_each_prompt_gets_its_own_reply_with_what_it_used():
    (one,), (two,) = Endpoint(echo).ask(request("a b c"), request("d e"))
    assert (one.text, one.finish_reason, one.tokens_in, one.tokens_out) == ("a b c", "stop", 3, 3)
    assert (two.text, two.tokens_in, two.tokens_out) == ("d e", 2, 2)


def test_sampling_travels_in_the_words_of_the_api():
    endpoint = Endpoint(echo)
    endpoint.ask(request("a", seed=2**40 + 5, max_tokens=7, temperature=0.5, top_k=3, stop=("x",)), system="Be brief.")
    (body,) = endpoint.bodies
    assert (body["max_tokens"], body["temperature"], body["stop"], body["seed"]) == (7, 0.5, ["x"], 5)
    assert body["top_k"] == 3 and "min_p" not in body
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_retry_after_holds_for_every_request():
    endpoint = Endpoint(lambda body, k: refusal(429, **{"Retry-After": "1"}) if k == 0 else echo(body, k))
    answers = endpoint.ask(*[request(f"p {k}") for k in range(3)], concurrency=1)
    assert [answer[0].text for answer in answers] == ["p 0", "p 1", "p 2"]
    assert len(endpoint.bodies) == 4
    assert min(endpoint.times[1:]) - endpoint.times[0] >= 1.0


def test_a_server_error_is_asked_again_and_the_reply_counted_once():
    endpoint = Endpoint(lambda body, k: refusal(500) if k < 2 else echo(body, k))
    (answer,) = endpoint.ask(request("a b"))
    assert [reply.text for reply in answer] == ["a b"] and len(endpoint.bodies) == 3


def test_an_endpoint_that_never_recovers_fails_the_prompt_with_its_words():
    (error,) = Endpoint(lambda body, k: refusal(503, "overloaded")).ask(request("a"), max_retries=1)
    assert isinstance(error, ModelError) and "failed 2 times" in str(error) and "overloaded" in str(error)


def test_a_slow_reply_is_given_up_at_the_time_out():
    async def slow(body, k):
        await asyncio.sleep(5)
        return echo(body, k)

    (error,) = Endpoint(slow).ask(request("a"), request_timeout_s=0.2, max_retries=0)
    assert isinstance(error, RequestTimedOut)


def test_an_endpoint_that_throttles_for_long_is_waited_for_and_then_the_run_stops():
    throttled = Endpoint(lambda body, k: refusal(429, **{"Retry-After": "0.05"}) if k < 12 else echo(body, k))
    (replies,) = throttled.ask(request("a"), max_retries=0)
    assert replies[0].text == "a"
    (error,) = Endpoint(lambda body, k: refusal(429, "slow down")).ask(request("a"), max_retries=99, gone_after_s=0.5)
    assert isinstance(error, NoEngineAlive) and "served no request for 0.5 s, last: slow down" in str(error)


def test_a_refused_prompt_fails_alone():
    endpoint = Endpoint(lambda body, k: refusal(400, "bad words") if "bad" in str(body) else echo(body, k))
    bad, (good,) = endpoint.ask(request("bad"), request("good"))
    assert isinstance(bad, ModelError) and "bad words" in str(bad)
    assert good.text == "good" and len(endpoint.bodies) == 2


def test_a_prompt_beyond_the_context_says_so():
    (error,) = Endpoint(lambda body, k: refusal(400, "too long", "context_length_exceeded")).ask(request("a"))
    assert isinstance(error, PromptTooLong)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_that_every_prompt_would_meet_stops_the_run(status):
    (error,) = Endpoint(lambda body, k: refusal(status, "who are you")).ask(request("a"))
    assert isinstance(error, NoEngineAlive) and "who are you" in str(error)


def test_no_more_requests_are_in_flight_than_allowed():
    async def slow(body, k):
        await asyncio.sleep(0.05)
        return echo(body, k)

    endpoint = Endpoint(slow)
    endpoint.ask(*[request(f"p{k}") for k in range(12)], concurrency=3)
    assert endpoint.most_in_flight == 3


def test_requests_per_minute_are_kept_beyond_a_small_burst():
    endpoint = Endpoint(echo)
    endpoint.ask(*[request(f"p{k}") for k in range(20)], requests_per_minute=120)  # a burst of 10, then 2 a second
    assert endpoint.times[-1] - endpoint.times[0] >= 4.0


def test_tokens_per_minute_are_kept():
    endpoint = Endpoint(echo)
    endpoint.ask(*[request("w " * 30, affinity=f"{k}", max_tokens=100) for k in range(8)], tokens_per_minute=6000)
    assert endpoint.times[-1] - endpoint.times[0] >= 1.0


def test_samples_come_from_as_many_calls_as_the_endpoint_needs():
    endpoint = Endpoint(lambda body, k: completion(body, f"sample {body['seed']}"))  # one choice, whatever n says
    (answer,) = endpoint.ask(request("a b", n=3, seed=10, temperature=1.0))
    assert [reply.text for reply in answer] == ["sample 10", "sample 11", "sample 12"]
    assert [reply.tokens_in for reply in answer] == [2, 0, 0]


def test_reasoning_comes_apart_from_the_answer():
    ((reply,),) = Endpoint(lambda body, k: completion(body, "4", reasoning_content="2+2")).ask(request("a"))
    assert (reply.text, reply.reasoning) == ("4", "2+2")


def test_a_schema_is_a_response_format_and_a_choice_is_told_in_the_prompts_language():
    endpoint = Endpoint(echo)
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}}
    endpoint.ask(
        request("rate", constraint=Constraint("json", schema)),
        request("选择", constraint=Constraint("choice", ["好", "坏"])),
    )
    by_text = {body["messages"][-1]["content"][:2]: body for body in endpoint.bodies}
    assert by_text["ra"]["response_format"]["json_schema"]["schema"] == schema
    assert by_text["选择"]["messages"][-1]["content"].endswith("只回复以下选项之一,不要输出其他任何内容:好 | 坏")


def test_a_vllm_server_is_sent_its_own_constraints():
    endpoint = Endpoint(echo)
    endpoint.ask(request("pick", constraint=Constraint("choice", ["a", "b"])), structured="vllm")
    assert endpoint.bodies[0]["structured_outputs"] == {"choice": ["a", "b"]}
