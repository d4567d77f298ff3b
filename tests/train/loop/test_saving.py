"""Checkpoints leave a worker in the background: training goes on, and nothing counts before it is whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch.multiprocessing as mp

from distilray.storage import Store
from distilray.train.loop import checkpoints, saving
from distilray.train.loop.saving import Uploads
from tests.support.ports import free_port
from tests.support.ranks import alone, one_of

FOLDER = "training/t/checkpoints"


@pytest.fixture
def group() -> Iterator[None]:
    with alone():
        yield


def written(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return str(folder)


def alone_in(store: Store, keep: int = 2) -> Uploads:
    return Uploads(store, FOLDER, worker=0, workers=1, place=0, neighbours=1, keep=keep)


@pytest.mark.usefixtures("group")
def test_a_worker_does_not_wait_for_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, uploads, arrives = Store(tmp_path / "run"), alone_in(Store(tmp_path / "run")), threading.Event()
    send = saving.move_file

    def slowly(*arguments: Any) -> None:
        assert arrives.wait(30)
        send(*arguments)

    monkeypatch.setattr(saving, "move_file", slowly)
    uploads.begin(4, written(tmp_path / "checkpoint-4", "state/__0_0.distcp", "trainer_state.json"))
    uploads.check()
    assert checkpoints.newest(store, FOLDER) is None
    arrives.set()
    uploads.wait()
    assert checkpoints.newest(store, FOLDER) == f"{FOLDER}/step-00000004"
    assert store.read(f"{FOLDER}/step-00000004/state/__0_0.distcp") == b"state/__0_0.distcp"
    assert not [path for path in (tmp_path / "checkpoint-4").rglob("*") if path.is_file()], "the store has them"


@pytest.mark.usefixtures("group")
def test_what_goes_wrong_in_the_background_stops_the_worker(tmp_path: Path) -> None:
    (tmp_path / "run" / FOLDER / "step-00000004" / "rng.pth").mkdir(parents=True)  # where the file should be
    uploads = alone_in(Store(tmp_path / "run"))
    uploads.begin(4, written(tmp_path / "checkpoint-4", "rng.pth"))
    with pytest.raises(OSError):
        uploads.wait()


@pytest.mark.usefixtures("group")
def test_old_checkpoints_go(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    uploads = alone_in(store, keep=1)
    for step in (4, 8, 12):
        uploads.begin(step, written(tmp_path / f"checkpoint-{step}", "rng.pth"))
    uploads.wait()
    assert store.names(FOLDER) == ["step-00000008", "step-00000012"], "the one before stays until the next begins"


def two(worker: int, run: str, folder: str, port: int) -> None:
    with one_of(2, worker, port):
        uploads = Uploads(Store(run), FOLDER, worker=worker, workers=2, place=worker, neighbours=2, keep=2)
        uploads.begin(4, written(Path(folder), f"state/__{worker}_0.distcp", f"rng_state_{worker}.pth"))
        uploads.wait()


@pytest.mark.slow
def test_workers_of_a_node_share_its_files(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    mp.spawn(two, (str(tmp_path / "run"), str(tmp_path / "checkpoint-4"), free_port()), nprocs=2)
    folder = f"{FOLDER}/step-00000004"
    assert checkpoints.newest(store, FOLDER) == folder
    parts = [sorted(store.read_json(f"{folder}/part-0000{worker}.json")["files"]) for worker in range(2)]
    assert parts == [["rng_state_0.pth", "state/__0_0.distcp"], ["rng_state_1.pth", "state/__1_0.distcp"]]
