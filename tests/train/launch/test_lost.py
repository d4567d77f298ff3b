"""Nothing is lost: a disk that is full while a checkpoint is saved, and checkpoints on an object store."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from distilray.storage import Store
from distilray.train import TrainingFailed, fit, prepare_tokens
from distilray.train.loop import checkpoints
from tests.support.specs import spec_of
from tests.support.stores import s3_endpoint, s3_store  # noqa: F401  (fixtures)
from tests.support.tiny import rows, write_units
from tests.train.launch.test_launcher import OUT, TWO, losses, settings, train

MIB = 2**20


def test_checkpoints_on_an_object_store_are_whole_or_not_there(s3_store: Store) -> None:  # noqa: F811
    for step in (4, 8, 12):
        folder = f"{OUT}/checkpoints/{checkpoints.name_of(step)}"
        s3_store.write(f"{folder}/model.bin", b"weights" * step)
        if step < 12:
            checkpoints.mark_written(s3_store, folder, {"model.bin": 7 * step})
    newest = checkpoints.newest(s3_store, f"{OUT}/checkpoints")
    assert newest is not None and newest.endswith("step-00000008")
    s3_store.write(f"{newest}/model.bin", b"torn")
    older = checkpoints.newest(s3_store, f"{OUT}/checkpoints")
    assert older is not None and older.endswith("step-00000004")
    checkpoints.clear_rest(s3_store, f"{OUT}/checkpoints", keep=older)
    assert s3_store.names(f"{OUT}/checkpoints") == ["step-00000004"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, small until it is made larger; only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("ray_cluster")
def test_a_disk_that_is_full_while_saving_costs_nothing_but_time(
    student: str, tmp_path: Path, small_disk: Path
) -> None:
    """There is room for one checkpoint and a half, so the second cannot be saved; then the disk is made larger."""
    undisturbed, _ = train(tmp_path / "undisturbed", student, settings(), TWO)
    store = Store(small_disk)
    spec = spec_of(store, settings(), student, OUT, resources=TWO)
    tokens = prepare_tokens(spec, write_units(store, rows(200)))
    numbers = sum(file.stat().st_size for file in Path(student).glob("*.safetensors")) // 4
    used = os.statvfs(small_disk)
    resize(small_disk, (used.f_blocks - used.f_bfree) * used.f_frsize + int(1.5 * 12 * numbers) + MIB // 2)
    with pytest.raises(TrainingFailed, match="No space left"):
        fit(spec, tokens.paths)
    newest = checkpoints.newest(store, f"{OUT}/checkpoints")
    assert newest is not None and newest.endswith("step-00000004")
    resize(small_disk, 64 * MIB)
    manifest = fit(spec, tokens.paths)
    assert manifest.details["steps"] == 12
    assert losses(store) == losses(undisturbed)
