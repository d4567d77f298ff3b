"""The environment that vLLM's engines start with."""

from __future__ import annotations

import pytest

from distilray.models import GenerateRequest, ModelError, Sampling, VLLMModel
from distilray.models.engines.vllm import refuse_sampled_drafts
from distilray.models.engines.vllm_start import environment


@pytest.mark.parametrize(("asked", "taken"), [(None, "INFO"), ("ERROR", "INFO"), ("DEBUG", "DEBUG")])
def test_an_engine_writes_its_log_whatever_another_library_asked_for(asked, taken, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("VLLM_LOGGING_LEVEL", raising=False)
    if asked is not None:
        monkeypatch.setenv("VLLM_LOGGING_LEVEL", asked)  # as TRL does when it is imported
    assert environment(VLLMModel(path="model"))["VLLM_LOGGING_LEVEL"] == taken


def test_engines_on_cpus_compile_nothing():
    assert environment(VLLMModel(path="model"))["TORCH_COMPILE_DISABLE"] == "1"
    assert "TORCH_COMPILE_DISABLE" not in environment(VLLMModel(path="model", gpus=1))


def test_an_engine_on_cpus_that_drafts_refuses_what_would_be_sampled():
    drafting = VLLMModel.model_validate({"path": "model", "speculation": {}})
    greedy = GenerateRequest([{"role": "user", "content": "1"}], Sampling(), 0, "")
    again = GenerateRequest(greedy.messages, Sampling(temperature=0.3), 0, "")
    refuse_sampled_drafts(drafting, greedy)
    refuse_sampled_drafts(VLLMModel(path="model"), again)
    with pytest.raises(ModelError, match=r"model was asked for a reply at temperature 0.3.*speculation: null"):
        refuse_sampled_drafts(drafting, again)


def test_weights_may_take_longer_than_vllm_gives_them():
    assert int(environment(VLLMModel(path="model"))["VLLM_ENGINE_READY_TIMEOUT_S"]) >= 24 * 3600
