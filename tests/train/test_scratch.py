"""A launch's folder on a node's disk goes when nobody is left in it, also when everybody was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from distilray.train import scratch
from tests.support.paths import ROOT

PROGRAM = """
import sys, time
from distilray.train import scratch
with scratch.held(scratch.scratch_of(sys.argv[1]), first=True):
    print("in", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield


def test_a_folder_is_swept_when_its_worker_was_killed_and_not_before() -> None:
    folder = Path(scratch.scratch_of("theirs"))
    worker = subprocess.Popen([sys.executable, "-c", PROGRAM, "theirs"], stdout=subprocess.PIPE, cwd=ROOT)
    assert worker.stdout is not None and worker.stdout.readline() == b"in\n"
    (folder / "feed").mkdir()
    scratch.sweep()
    assert (folder / "feed").is_dir()
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    with scratch.held(scratch.scratch_of("mine"), first=True):
        assert not folder.exists()
        assert Path(scratch.scratch_of("mine")).is_dir()


def test_replaced_workers_begin_in_an_empty_folder() -> None:
    folder = Path(scratch.scratch_of("mine"))
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "torn.arrow").touch()
    with scratch.held(str(folder), first=False):
        assert len(os.listdir(folder)) == 3
        with scratch.held(str(folder), first=True):
            assert os.listdir(folder) == [scratch.LOCK]
