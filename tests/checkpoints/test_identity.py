"""Whether a path is a checkpoint, and which."""

from __future__ import annotations

import json
import os

import pytest

from distilray.checkpoints import NotACheckpoint, resolve_path
from distilray.checkpoints.identity import checkpoint_id
from distilray.models import VLLMModel, check_model
from tests.support.models import copy_of


def why(path) -> str:
    with pytest.raises(NotACheckpoint) as caught:
        check_model(VLLMModel(path=str(path)))
    return str(caught.value)


def test_a_whole_checkpoint_passes(tiny_model):
    check_model(VLLMModel(path=tiny_model))


def test_a_missing_directory_is_named(tmp_path):
    assert "no such directory" in why(tmp_path / "nowhere")


def test_a_directory_without_configuration_is_not_a_checkpoint(tmp_path):
    assert "no config.json" in why(tmp_path)


def test_a_checkpoint_needs_weights(tiny_model, tmp_path):
    broken = copy_of(tiny_model, tmp_path / "m")
    (broken / "model.safetensors").unlink()
    assert "no weights" in why(broken)


def test_every_shard_of_the_index_must_be_there(tiny_model, tmp_path):
    broken = copy_of(tiny_model, tmp_path / "m")
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (broken / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-2.safetensors" in why(broken)


def test_a_checkpoint_needs_a_tokenizer(tiny_model, tmp_path):
    broken = copy_of(tiny_model, tmp_path / "m")
    (broken / "tokenizer.json").unlink()
    assert "no tokenizer" in why(broken)


def test_a_checkpoint_needs_a_chat_template(tiny_model, tmp_path):
    broken = copy_of(tiny_model, tmp_path / "m")
    (broken / "chat_template.jinja").unlink()
    assert "no chat template" in why(broken)


def test_a_hub_name_is_left_to_the_node_that_loads_it():
    check_model(VLLMModel(path="Qwen/Qwen2.5-0.5B-Instruct"))
    assert resolve_path("Qwen/Qwen2.5-0.5B-Instruct") == "Qwen/Qwen2.5-0.5B-Instruct"


def test_a_package_path_leads_into_the_installed_package():
    assert os.path.isfile(resolve_path("package://distilray.models/") + "/wire.py")
    assert "no installed package" in why("package://no_such_package/dir")


def test_a_copy_of_a_checkpoint_has_its_id_and_changed_weights_another(tiny_model, tmp_path):
    copy = copy_of(tiny_model, tmp_path / "m")
    assert checkpoint_id(str(copy), None) == checkpoint_id(tiny_model, None)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert checkpoint_id(str(copy), None) != checkpoint_id(tiny_model, None)
