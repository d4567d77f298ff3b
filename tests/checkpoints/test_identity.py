"""Where a checkpoint is, and which."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from distilray.checkpoints import NotACheckpoint, check_checkpoint, checkpoint_id, local_student, resolve_path
from distilray.models import VLLMModel
from tests.support.checkpoints import copy_of


def test_a_hub_name_is_left_to_the_node_that_loads_it():
    check_checkpoint("Qwen/Qwen2.5-0.5B-Instruct")
    assert resolve_path("Qwen/Qwen2.5-0.5B-Instruct") == "Qwen/Qwen2.5-0.5B-Instruct"


def test_a_package_path_leads_into_the_installed_package():
    assert os.path.isfile(resolve_path("package://distilray.models/") + "/wire.py")
    with pytest.raises(NotACheckpoint, match="no installed package"):
        resolve_path("package://no_such_package/dir")


def test_a_copy_of_a_checkpoint_has_its_id_and_changed_weights_another(tiny_model, tmp_path):
    copy = copy_of(tiny_model, tmp_path / "m")
    assert checkpoint_id(str(copy), None) == checkpoint_id(tiny_model, None)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert checkpoint_id(str(copy), None) != checkpoint_id(tiny_model, None)


def test_a_directory_means_the_same_wherever_a_process_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "teacher").mkdir()
    monkeypatch.chdir(tmp_path)
    teacher = VLLMModel(path="./teacher")
    assert VLLMModel(path="teacher").path == teacher.path == str(tmp_path / "teacher")
    assert VLLMModel(path="Qwen/Qwen2.5-7B").path == "Qwen/Qwen2.5-7B"
    monkeypatch.chdir("/")
    assert local_student(teacher.path) == str(tmp_path / "teacher")
