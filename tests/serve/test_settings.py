"""What a user may say about serving, and what is refused."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError
from ray.serve.llm.openai_api_models import ChatCompletionRequest
from ray.serve.schema import ServeDeploySchema

from distilray.serve import ServedModel, ServeSettings
from distilray.serve.inference.app import llm_config
from distilray.serve.inference.command import _settings
from distilray.serve.inference.server import complete
from distilray.serve.settings import api_keys_in
from tests.support.paths import ROOT

STUDENT = {"id": "student", "source": "/checkpoints/student"}
SHIPPED = ROOT / "cluster" / "serve" / "student.yaml"


def settings(**changes) -> ServeSettings:
    return ServeSettings.model_validate({"models": [STUDENT], "api_keys": [], **changes})


def test_the_shipped_config_file_is_one_that_serve_deploys():
    config = ServeDeploySchema.model_validate(yaml.safe_load(SHIPPED.read_text("utf-8")))
    (application,) = config.applications
    assert application.import_path == "distilray.serve.inference.app:build"
    parsed = ServeSettings.model_validate(application.args)
    assert [model.id for model in parsed.models] == ["student"]
    assert parsed.ingress_replicas >= 2


def test_two_models_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="two models share an id: student"):
        settings(models=[STUDENT, STUDENT])


@pytest.mark.parametrize("model_id", ["a:b", "a--b", ""])
def test_an_id_that_the_router_would_read_otherwise_is_refused(model_id: str):
    with pytest.raises(ValidationError):
        settings(models=[{**STUDENT, "id": model_id}])


def test_the_name_of_the_model_cannot_be_given_to_the_engine():
    with pytest.raises(ValidationError, match="`id` of the model"):
        settings(engine={"served_model_name": "other"})


def test_a_word_that_is_no_setting_is_refused():
    with pytest.raises(ValidationError, match="replica"):
        settings(replica=2)


def test_keys_come_from_the_environment_separated_by_commas():
    keys = api_keys_in({"DISTILRAY_API_KEYS": "one, two,,"})
    assert [key.get_secret_value() for key in keys] == ["one", "two"]
    assert api_keys_in({}) == []


def test_keys_are_not_shown():
    assert "sk-secret" not in repr(settings(api_keys=["sk-secret"]))


def test_a_key_that_no_client_could_send_is_refused():
    with pytest.raises(ValidationError, match="API key 0"):
        settings(api_keys=["schlüssel"])


def test_settings_of_a_model_go_before_those_of_the_application():
    parsed = settings(models=[{**STUDENT, "engine": {"max_model_len": 512}}], engine={"max_model_len": 2048, "seed": 1})
    config = llm_config(parsed.models[0], parsed, "cpu")
    assert config.engine_kwargs["max_model_len"] == 512
    assert config.engine_kwargs["seed"] == 1


def test_what_the_user_asks_of_the_engine_goes_before_the_recipe():
    student = ServedModel(id="student", source="/s", engine={"max_model_len": 512, "dtype": "float32"})
    parsed = _settings([student], 1, {"max_model_len": 128})
    assert llm_config(parsed.models[0], parsed, "cpu").engine_kwargs["max_model_len"] == 128
    assert llm_config(parsed.models[0], parsed, "cpu").engine_kwargs["dtype"] == "float32"


def test_a_request_gets_the_system_prompt_and_template_variables_that_it_leaves_out():
    def completed(**changes) -> ChatCompletionRequest:
        body = {"model": "student", "messages": [{"role": "user", "content": "2+3?"}], **changes}
        request = ChatCompletionRequest.model_validate(body)
        complete(request, "Add.", {"enable_thinking": False, "tools_in_user_message": True})
        return request

    bare = completed()
    assert bare.messages[0] == {"role": "system", "content": "Add."}
    assert bare.chat_template_kwargs == {"enable_thinking": False, "tools_in_user_message": True}
    own = completed(
        messages=[{"role": "system", "content": "Mine."}, {"role": "user", "content": "2+3?"}],
        chat_template_kwargs={"enable_thinking": True},
    )
    assert [message["content"] for message in own.messages] == ["Mine.", "2+3?"]
    assert own.chat_template_kwargs == {"enable_thinking": True, "tools_in_user_message": True}


def test_tokens_are_sent_as_they_come():
    parsed = settings()
    config = llm_config(parsed.models[0], parsed, "cpu")
    assert config.experimental_configs["stream_batching_interval_ms"] == 0


def test_the_queue_is_bounded():
    parsed = settings(max_ongoing_requests=4, max_queued_requests=2)
    options = llm_config(parsed.models[0], parsed, "cpu").deployment_config
    assert (options["max_ongoing_requests"], options["max_queued_requests"]) == (4, 2)


def test_models_that_share_a_gpu_share_its_memory():
    parsed = settings(models=[{**STUDENT, "gpus": 0.5}])
    config = llm_config(parsed.models[0], parsed, "gpu")
    assert config.placement_group_config == {"bundle_per_worker": {"GPU": 0.5}}
    assert config.engine_kwargs["gpu_memory_utilization"] == 0.45
