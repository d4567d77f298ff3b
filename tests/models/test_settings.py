"""What a recipe may say about a model, and how it is told what would be right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.models import (
    MODEL_KINDS,
    ClassifierModel,
    EchoModel,
    OpenAIModel,
    Price,
    Replicas,
    Sampling,
    VLLMModel,
    parse_model,
)


def parse(**fields):
    return parse_model(fields)


def test_a_model_without_kind_is_a_vllm_model():
    assert parse(path="a/b") == VLLMModel(path="a/b")


def test_the_kind_decides_which_settings_are_known():
    assert isinstance(parse(kind="openai", base_url="http://x/v1", model="m"), OpenAIModel)
    assert isinstance(parse(kind="echo"), EchoModel)
    with pytest.raises(ValidationError, match="echo.path"):
        parse(kind="echo", path="a/b")


def test_an_unknown_kind_is_told_the_known_ones():
    with pytest.raises(ValidationError, match="vllm.*openai.*echo"):
        parse(kind="sglang", path="a/b")


def test_an_unknown_engine_setting_is_told_the_closest():
    with pytest.raises(ValidationError, match="enable_prefix_cache is not a setting.*enable_prefix_caching"):
        parse(path="a/b", engine={"enable_prefix_cache": True})


def test_a_folder_is_found_from_where_the_recipe_is_read_and_not_from_where_an_engine_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Of every model alike: a student, and a teacher that a training starts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "teacher").mkdir(parents=True)
    for settings in (VLLMModel(path="models/teacher"), ClassifierModel(path="./models/teacher")):
        assert settings.path == str(tmp_path / "models" / "teacher")
    assert VLLMModel(path="owner/teacher").path == "owner/teacher"


@pytest.mark.slow
def test_looking_up_vllms_settings_prints_nothing_of_its_own():
    """A plan whose recipe sets one begins with the plan, and not with what vLLM says of its import."""
    program = (
        "from distilray.models import VLLMModel; VLLMModel(path='owner/m', engine={'enable_chunked_prefill': True})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_an_engine_setting_that_has_a_name_of_ours_is_told_it():
    with pytest.raises(ValidationError, match="set the model's `tensor_parallel` instead"):
        parse(path="a/b", engine={"tensor_parallel_size": 2})


def test_a_number_in_quotes_is_not_a_sampling_setting():
    with pytest.raises(ValidationError, match=r"sampling.max_tokens"):
        parse(path="a/b", sampling={"max_tokens": "64"})


def test_sampling_of_a_model_that_does_not_sample_is_refused():
    with pytest.raises(ValidationError, match=r"sampling is \{'temperature': 0.5\}.*remove `sampling`"):
        parse(kind="classifier", path="a/b", sampling={"temperature": 0.5})
    with pytest.raises(ValidationError, match=r"sampling is \{'temperature': 0.5\}.*remove `sampling`"):
        parse(kind="echo", sampling={"temperature": 0.5})
    assert parse(kind="echo", sampling=Sampling().model_dump()) == EchoModel()  # as a resolved recipe has it


def test_gpus_must_be_what_the_parallel_sizes_need():
    with pytest.raises(ValidationError, match="give gpus: 4"):
        VLLMModel(path="a/b", tensor_parallel=4, gpus=2)


def test_a_fraction_of_a_gpu_takes_its_share_of_the_memory():
    assert VLLMModel(path="a/b", gpus=0.5).memory_share == pytest.approx(0.45)
    with pytest.raises(ValidationError, match="only 0.5 of a GPU"):
        VLLMModel(path="a/b", gpus=0.5, gpu_memory_utilization=0.8)


def test_drafts_of_a_model_that_samples_are_refused_on_cpus():
    sampled = {"path": "a/b", "speculation": {}, "sampling": {"temperature": 0.6, "top_k": 20}}
    with pytest.raises(ValidationError, match=r"speculation with sampling.temperature 0.6 on CPUs.*speculation: null"):
        parse(**sampled)
    assert VLLMModel.model_validate(sampled | {"gpus": 1}).speculation is not None
    assert VLLMModel.model_validate(sampled | {"speculation": None}).sampling.top_k == 20
    assert VLLMModel.model_validate(sampled | {"sampling": {}}).drafts_are_greedy


def test_tensor_parallel_stays_on_one_node_and_a_pipeline_may_spread():
    assert VLLMModel(path="a/b", tensor_parallel=4, gpus=4, cpus=2).bundles() == [{"CPU": 2, "GPU": 4}]
    spread = VLLMModel(path="a/b", tensor_parallel=2, pipeline_parallel=2, gpus=4, cpus=2).bundles()
    assert spread == [{"CPU": 2, "GPU": 1}] + [{"CPU": 1, "GPU": 1}] * 3


def test_every_setting_says_in_a_line_what_it_is():
    for model in (*MODEL_KINDS.values(), Price):
        for name, field in model.model_fields.items():
            assert field.description and "\n" not in field.description, f"{model.__name__}.{name}"


def test_sampling_is_validated_again_when_overridden():
    assert Sampling().overridden(temperature=0.7).temperature == 0.7
    with pytest.raises(ValidationError, match="temperature"):
        Sampling().overridden(temperature=-1)


def test_weights_id_ignores_where_and_how_fast_a_model_runs():
    one = VLLMModel(path="a/b", replicas=1)
    assert one.weights_id() == VLLMModel(path="a/b", replicas=4, gpus=1, max_num_seqs=8).weights_id()
    assert one.weights_id() != VLLMModel(path="a/b", revision="v2").weights_id()
    assert one.weights_id() != VLLMModel(path="a/b", system="Be brief.").weights_id()


def test_an_endpoint_whose_key_is_not_set_is_refused_before_anything_starts():
    model = OpenAIModel(kind="openai", base_url="http://x/v1", model="m", api_key_env="DISTILRAY_NO_SUCH_KEY")
    with pytest.raises(ValueError, match="DISTILRAY_NO_SUCH_KEY"):
        model.check()


def test_a_model_has_a_title_for_cards():
    openai = OpenAIModel(base_url="https://api.example/v1", model="big-1")
    assert [model.title for model in (VLLMModel(path="Qwen/Qwen2.5-7B"), openai, EchoModel())] == [
        "Qwen/Qwen2.5-7B",
        "big-1",
        "echo",
    ]


def test_an_engine_takes_vllms_own_number_of_tokens_a_step_unless_told():
    assert VLLMModel(path="a/b", gpus=1).max_num_batched_tokens is None
    assert VLLMModel(path="a/b", max_num_batched_tokens=4096).max_num_batched_tokens == 4096
    with pytest.raises(ValidationError, match="set the model's `max_num_batched_tokens` instead"):
        parse(path="a/b", engine={"max_num_batched_tokens": 4096})


def test_an_engine_on_a_part_of_a_gpu_starts_alone_unless_its_cache_is_given():
    assert VLLMModel(path="a/b", gpus=0.5).starts_alone
    assert not VLLMModel(path="a/b", gpus=0.5, kv_cache_gib=4).starts_alone
    assert not VLLMModel(path="a/b", gpus=1).starts_alone and not EchoModel().starts_alone


def test_replicas_are_a_number_or_bounds():
    fixed, elastic = parse(path="a/b", replicas=4), parse(path="a/b", replicas={"max": 64})
    assert (fixed.replicas_to_begin, fixed.least_replicas, fixed.most_replicas) == (1, 4, 4)
    assert elastic.replicas == Replicas(min=1, max=64)
    assert (elastic.replicas_to_begin, elastic.least_replicas, elastic.most_replicas) == (1, 1, 64)
    with pytest.raises(ValidationError, match="max is 1, but min is 2"):
        parse(path="a/b", replicas={"min": 2, "max": 1})
    with pytest.raises(ValidationError, match="replicas"):
        parse(path="a/b", replicas=0)


def test_an_engine_reserves_the_gpus_of_the_type_that_it_asks_for():
    typed = parse(path="a/b", tensor_parallel=4, gpus=4, accelerator_type="H100")
    assert typed.reserved_bundles() == [{"CPU": 1, "GPU": 4, "accelerator_type:H100": 0.001}]
    assert typed.weights_id() == parse(path="a/b").weights_id()
    with pytest.raises(ValidationError, match="accelerator_type is 'H100', but an engine reserves no GPU"):
        parse(path="a/b", accelerator_type="H100")


def test_label_selectors_are_those_of_ray():
    labels = {"zone": "in(a, b)", "ray.io/market-type": "!spot"}
    assert parse(kind="echo", label_selector=labels).label_selector == labels
    with pytest.raises(ValidationError, match="label_selector"):
        parse(kind="echo", label_selector={"zone": "a or b"})
