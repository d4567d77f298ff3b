from __future__ import annotations

from pathlib import Path

import pytest

from distilray.storage import Store
from distilray.train.loop import checkpoints

FOLDER = "training/sft/checkpoints"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def write(store: Store, step: int, *, complete: bool = True) -> str:
    folder = f"{FOLDER}/{checkpoints.name_of(step)}"
    store.write(f"{folder}/optimizer.bin", b"12345")
    store.write(f"{folder}/state/__0_0.distcp", b"123")
    checkpoints.mark_written(store, folder, {"optimizer.bin": 5}, worker=0, workers=2)
    if complete:
        checkpoints.mark_written(store, folder, {"state/__0_0.distcp": 3}, worker=1, workers=2)
    return folder


def test_the_newest_whole_checkpoint_is_the_one_to_resume_from(store: Store) -> None:
    write(store, 9)
    newest = write(store, 10)
    assert checkpoints.newest(store, FOLDER) == newest


def test_a_checkpoint_that_was_never_finished_is_passed_over(store: Store) -> None:
    whole = write(store, 10)
    write(store, 20, complete=False)
    assert checkpoints.newest(store, FOLDER) == whole


def test_a_checkpoint_with_a_torn_or_missing_file_is_passed_over(store: Store) -> None:
    whole = write(store, 10)
    torn, lost = write(store, 20), write(store, 30)
    store.write(f"{torn}/optimizer.bin", b"123")
    store.delete(f"{lost}/state/__0_0.distcp")
    assert checkpoints.newest(store, FOLDER) == whole


def test_there_is_nothing_to_resume_from_before_the_first_checkpoint(store: Store) -> None:
    assert checkpoints.newest(store, FOLDER) is None


def test_what_a_killed_training_left_is_cleared_away(store: Store) -> None:
    whole = write(store, 10)
    write(store, 20, complete=False)
    store.write(f"{FOLDER}/checkpoint_manager_snapshot.json", b"{")
    checkpoints.clear_rest(store, FOLDER, keep=whole)
    assert store.names(FOLDER) == ["step-00000010"]


def test_only_the_newest_whole_checkpoints_are_kept(store: Store) -> None:
    for step in (10, 20, 30):
        write(store, step)
    write(store, 40, complete=False)
    checkpoints.prune(store, FOLDER, 2)
    assert store.names(FOLDER) == ["step-00000020", "step-00000030", "step-00000040"]
