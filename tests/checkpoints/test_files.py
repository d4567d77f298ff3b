"""What a checkpoint's directory must hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.checkpoints import NotACheckpoint, check_checkpoint, known_config, local_config, weights_bytes
from tests.support.checkpoints import copy_of


def why(path) -> str:
    with pytest.raises(NotACheckpoint) as caught:
        check_checkpoint(str(path))
    return str(caught.value)


def test_a_whole_checkpoint_passes(tiny_model):
    check_checkpoint(tiny_model)


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


def test_a_broken_configuration_is_named_with_the_remedy(tiny_model, tmp_path):
    broken = copy_of(tiny_model, tmp_path / "m")
    (broken / "config.json").write_text("{")
    assert "config.json is not JSON" in why(broken) and "copy the checkpoint again" in why(broken)


def test_any_file_of_a_tokenizer_will_do_and_a_template_may_be_in_its_settings(tiny_model, tmp_path):
    copy = copy_of(tiny_model, tmp_path / "m")
    (copy / "tokenizer.json").rename(copy / "vocab.txt")
    (copy / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (copy / "chat_template.jinja").unlink()
    check_checkpoint(str(copy))


def test_what_is_known_of_a_checkpoint_without_loading_it(tiny_model):
    assert local_config(tiny_model)["model_type"] == "qwen2"
    assert weights_bytes(tiny_model) == (Path(tiny_model) / "model.safetensors").stat().st_size
    assert known_config(tiny_model) == local_config(tiny_model)


def test_of_a_hub_name_only_published_sizes_are_known():
    name = "Qwen/Qwen2.5-7B-Instruct"
    assert (local_config(name), weights_bytes(name)) == (None, None)
    assert known_config(name)["hidden_size"] == 3584
    assert known_config("owner/model") is None
