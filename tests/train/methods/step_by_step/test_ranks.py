"""Two workers under FSDP2 over gloo have the losses of one: means are those of the whole step, whoever has its rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch.multiprocessing as mp

from distilray.storage import Store
from distilray.train.distributed import cpu, sharding
from tests.support.ports import free_port
from tests.support.ranks import one_of
from tests.support.trainer import logged
from tests.support.two_targets import settings, trained, written
from tests.train.methods.step_by_step.test_trainer import FIGURES

pytestmark = pytest.mark.slow


def one_of_two(worker: int, run: str, paths: list[str], student: str, port: int, out: str) -> None:
    with one_of(2, worker, port):
        more = {**sharding.arguments(settings(), 2, ["Qwen2DecoderLayer"]), **cpu.arguments("fsdp")}
        folder = Path(out) / str(worker)
        trainer = trained(
            (Store(run), paths), student, folder, micro=2, workers=2, more=more, holdout=0.2, rationale_weight=0.5
        )
        names = [*FIGURES, *(f"eval_{name}" for name in FIGURES)]
        (folder / "figures.json").write_text(json.dumps({name: logged(trainer, name) for name in names}))


def test_two_workers_have_the_losses_of_one(student: str, tmp_path: Path) -> None:
    store, paths = written(tmp_path / "run", student)
    alone = trained((store, paths), student, tmp_path / "alone", micro=4, holdout=0.2, rationale_weight=0.5)
    mp.spawn(one_of_two, (str(tmp_path / "run"), paths, student, free_port(), str(tmp_path)), nprocs=2)
    for worker in range(2):
        found = json.loads((tmp_path / str(worker) / "figures.json").read_text())
        for name in FIGURES:
            assert found[name] == pytest.approx(logged(alone, name), abs=1e-3), name
            # the last batch of held-out rows is filled up with some of the first, so that both workers have as many
            assert found[f"eval_{name}"] == pytest.approx(logged(alone, f"eval_{name}"), abs=0.1), name
