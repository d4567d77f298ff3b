"""Real vLLM engines on a tiny random model in fp32, through pools and client."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from distilray.checkpoints import template_hash
from distilray.models import (
    Constraint,
    EngineFailed,
    EnginePools,
    ModelError,
    PoolHandles,
    PromptTooLong,
    VLLMModel,
)
from tests.support.checkpoints import copy_of, make_byte_model
from tests.support.models import request, with_client

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]

SETTINGS = {"dtype": "float32", "max_model_len": 256, "kv_cache_gib": 0.125, "max_num_seqs": 32, "cpus": 0.5}
PROMPTS = [f"what is {k} plus {k * 7 % 10}?" for k in range(12)]


@pytest.fixture(scope="module")
def handles(ray_cluster: None, tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PoolHandles]:
    logs = tmp_path_factory.mktemp("engine-logs")
    with EnginePools("test-vllm", logs=str(logs)) as pools:
        # As long as tokens come no reply takes too long: the shortest time-out that a step of the model keeps.
        model = VLLMModel(path=tiny_model, replicas=2, request_timeout_s=10, **SETTINGS)
        yield pools.start({"m": model}, wait_for_all=True)


def ask_all(handles: PoolHandles, *requests):
    async def work(client):
        return await asyncio.gather(*[client.ask("m", one) for one in requests], return_exceptions=True)

    return with_client(handles, work)


def whole_characters(text: str) -> str:
    """Random bytes are rarely UTF-8, and vLLM and transformers mark what is not in different places."""
    return text.replace("\ufffd", "")


@pytest.mark.long
def test_greedy_replies_are_those_of_transformers(handles, tiny_model):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    answers = ask_all(handles, *[request(prompt, max_tokens=24) for prompt in PROMPTS])
    for prompt, (reply,) in zip(PROMPTS, answers, strict=True):
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
        generated = model.generate(ids, max_new_tokens=24, do_sample=False)[0, ids.shape[1] :]
        assert whole_characters(reply.text) == whole_characters(tokenizer.decode(generated, skip_special_tokens=True))
        assert (reply.tokens_in, reply.tokens_out) == (ids.shape[1], len(generated))
        assert reply.finish_reason == ("stop" if generated[-1] == tokenizer.eos_token_id else "length")


def test_a_seed_gives_the_same_reply_in_whatever_company(handles):
    sampled = request("what is 1 plus 1?", seed=77, temperature=1.0, max_tokens=20)
    ((alone,),) = ask_all(handles, sampled)
    crowd = [request(prompt, seed=k, temperature=1.0, max_tokens=20) for k, prompt in enumerate(PROMPTS)]
    (together,) = ask_all(handles, *crowd, sampled)[-1]
    other_engine = [
        request("what is 1 plus 1?", seed=77, temperature=1.0, max_tokens=20, affinity=f"{k}") for k in range(8)
    ]
    assert alone.text == together.text
    assert {answer[0].text for answer in ask_all(handles, *other_engine)} == {alone.text}
    ((differently_seeded,),) = ask_all(handles, request("what is 1 plus 1?", seed=78, temperature=1.0, max_tokens=20))
    assert differently_seeded.text != alone.text


def test_an_engine_tells_which_template_it_uses(handles, tiny_model):
    used = handles.pools["m"].info.template
    assert used["hash"] == template_hash(Path(tiny_model)) and len(used["sha256"]) == 64


def test_n_samples_differ_and_the_first_pays_for_the_prompt(handles):
    (answer,) = ask_all(handles, request("hello", n=4, temperature=1.0, max_tokens=16))
    assert len({reply.text for reply in answer}) == 4
    assert [reply.tokens_in > 0 for reply in answer] == [True, False, False, False]


def test_log_probabilities_are_of_the_tokens_that_were_sampled(handles):
    ((reply,),) = ask_all(handles, request("hello", max_tokens=5, logprobs=3))
    assert reply.logprobs is not None and len(reply.logprobs) == reply.tokens_out
    for position in reply.logprobs:
        sampled = next(iter(position.values()))
        assert sampled == max(position.values()) <= 0  # greedy: what was sampled is the likeliest


def test_a_choice_is_one_of_its_words(handles):
    asked = [request(prompt, constraint=Constraint("choice", ["easy", "hard"]), max_tokens=20) for prompt in PROMPTS]
    answers = ask_all(handles, *asked)
    assert {answer[0].text for answer in answers} <= {"easy", "hard"}
    assert {answer[0].finish_reason for answer in answers} == {"stop"}


def test_a_schema_makes_json(handles):
    schema = {"type": "object", "properties": {"ok": {"enum": [True, False]}}, "required": ["ok"]}
    schema["additionalProperties"] = False
    asked = [
        request(prompt, constraint=Constraint("json", schema), max_tokens=200, temperature=1.0) for prompt in PROMPTS
    ]
    whole = [answer[0] for answer in ask_all(handles, *asked) if answer[0].finish_reason == "stop"]
    assert whole and all(set(json.loads(reply.text)) == {"ok"} for reply in whole)


def test_a_schema_that_is_none_fails_its_prompt_alone(handles):
    bad, good = ask_all(
        handles, request("a", constraint=Constraint("json", {"type": "nonsense"})), request("b", max_tokens=4)
    )
    assert isinstance(bad, ModelError) and "refused" in str(bad)
    assert good[0].tokens_out == 4


def test_a_prompt_longer_than_the_context_fails_alone(handles):
    long, short = ask_all(handles, request("x " * 200), request("b", max_tokens=4))
    assert isinstance(long, PromptTooLong) and "takes 256" in str(long)
    assert short[0].tokens_out == 4


def test_a_reply_is_cut_where_the_context_ends(handles):
    ((reply,),) = ask_all(handles, request("x " * 100, max_tokens=4000, ignore_eos=True))
    assert reply.finish_reason == "length" and reply.tokens_in + reply.tokens_out == 256


@pytest.mark.long
@pytest.mark.parametrize("victim", ["actor", "core"])
def test_a_killed_engine_costs_no_reply_and_none_is_bought_twice(handles, victim):
    import ray

    engines = [engine.actor for engine in handles.pools["m"].engines]
    before = ray.get([engine.stats.remote() for engine in engines])
    pid = before[0]["pid"] if victim == "actor" else before[0]["core_pids"][0]
    asked = [request(f"row {k}", max_tokens=150, ignore_eos=True) for k in range(128)]

    async def work(client):
        waiting = [asyncio.ensure_future(client.ask("m", one)) for one in asked]
        while client.usage["m"].engines.get("m/0", 0) < 5:  # some are answered, more are under way
            await asyncio.sleep(0.02)
        line = client._pools["m"].engines[0]
        in_flight, answered = line.in_flight, client.usage["m"].engines["m/0"]
        os.kill(pid, signal.SIGKILL)
        answers = await asyncio.gather(*waiting)
        while not line.up:
            await asyncio.sleep(0.2)
        return in_flight, answered, answers, client.usage["m"]

    in_flight, answered, answers, usage = with_client(handles, work)
    after = ray.get([engine.stats.remote() for engine in engines])
    assert in_flight > 10
    assert usage.replies == 128 and all(answer[0].tokens_out == 150 for answer in answers)
    assert after[0]["pid"] != before[0]["pid"]
    with pytest.raises(ProcessLookupError):  # no core is left behind by an actor that was killed
        os.kill(before[0]["core_pids"][0], 0)
    survivor = after[1]["replies"] - before[1]["replies"]
    # What the engines answered: by the victim before it died, by the survivor, by the victim started anew.
    assert 128 - in_flight <= answered + survivor + after[0]["replies"] <= 128
    expected = ask_all(handles, *asked[:8])
    assert [answer[0].text for answer in answers[:8]] == [answer[0].text for answer in expected]


def test_an_engine_that_cannot_run_shows_the_first_cause_and_not_who_heard_of_it(ray_cluster, tmp_path):
    small = make_byte_model(tmp_path / "m", heads=4)
    pools = EnginePools("test-heads", logs=str(tmp_path / "logs"))
    with pytest.raises(EngineFailed, match=r"did not start: .*head_dim=16.*\(log: .*m-0\.log\)") as caught:
        pools.start({"m": VLLMModel(path=small, **SETTINGS)})
    assert "EngineDeadError" not in str(caught.value)


@pytest.mark.long
def test_an_engine_that_cannot_load_its_weights_says_why(ray_cluster, tiny_model, tmp_path):
    broken = copy_of(tiny_model, tmp_path / "m")
    (broken / "model.safetensors").write_bytes(b"these are no weights")
    pools = EnginePools("test-broken", logs=str(tmp_path / "logs"))
    with pytest.raises(EngineFailed, match=r"did not start: .*(log: .*m-0\.log)"):
        pools.start({"m": VLLMModel(path=str(broken), **SETTINGS)})
