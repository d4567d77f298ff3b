from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from distilray.checkpoints import NotACheckpoint, local_student, read_student


@pytest.fixture
def copy(student: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(student, tmp_path / "copy"))


def test_a_checkpoint_tells_its_context(student: str) -> None:
    assert read_student(student).context == 1024


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotACheckpoint, match=r"nothing-here.*no such directory"):
        read_student(str(tmp_path / "nothing-here"))


def test_a_folder_that_is_no_checkpoint_shows_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(NotACheckpoint, match=r"no config\.json.*notes\.txt"):
        read_student(str(tmp_path))


def test_a_checkpoint_without_weights_is_refused(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(NotACheckpoint, match=r"no weights: none of model\.safetensors"):
        read_student(str(copy))


def test_a_checkpoint_without_a_tokenizer_is_refused(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(NotACheckpoint, match="no tokenizer"):
        read_student(str(copy))


def test_a_broken_config_is_refused(copy: Path) -> None:
    (copy / "config.json").write_text("{")
    with pytest.raises(NotACheckpoint, match=r"config\.json is not JSON"):
        read_student(str(copy))


def test_a_model_of_the_hub_is_fetched_once_a_process(
    student: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name: asked.append(name) or student)
    monkeypatch.chdir(tmp_path)
    assert [local_student("someone/once-a-process") for _ in range(3)] == [student] * 3
    assert asked == ["someone/once-a-process"]
