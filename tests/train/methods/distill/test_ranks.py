"""Two workers under FSDP2 over gloo distil as one does, from stored scores and from a live teacher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch.multiprocessing as mp

from distilray.storage import Store
from distilray.train.distributed import cpu, sharding
from tests.support.ports import free_port
from tests.support.ranks import one_of
from tests.support.taught import scored_run, settings, trained
from tests.support.trainer import logged

pytestmark = pytest.mark.slow
FIGURES = ("loss", "lm_loss", "divergence")


def one_of_two(
    worker: int,
    source: str,
    precision: str,
    run: str,
    paths: list[str],
    student: str,
    teacher: str,
    port: int,
    out: str,
):
    with one_of(2, worker, port):
        told = {"source": source, "precision": precision}
        more = {**sharding.arguments(settings(**told), 2, ["Qwen2DecoderLayer"]), **cpu.arguments("fsdp")}
        more["bf16"] = precision == "bf16"
        folder = Path(out) / str(worker)
        trainer = trained((Store(run), paths), student, folder, micro=2, workers=2, teacher=teacher, more=more, **told)
        (folder / "figures.json").write_text(json.dumps({name: logged(trainer, name) for name in FIGURES}))


@pytest.mark.parametrize(
    ("source", "precision", "close"), [("stored", "fp32", 1e-3), ("live", "fp32", 1e-3), ("live", "bf16", 3e-2)]
)
def test_two_workers_distil_as_one_does(
    student: str, teacher: str, tmp_path: Path, source: str, precision: str, close: float
) -> None:
    store, paths = scored_run(tmp_path / "run", student, teacher)
    told = {"source": source, "precision": precision}
    more = {"bf16": precision == "bf16"}
    alone = trained((store, paths), student, tmp_path / "alone", micro=4, teacher=teacher, more=more, **told)
    arguments = (source, precision, str(tmp_path / "run"), paths, student, teacher, free_port(), str(tmp_path))
    mp.spawn(one_of_two, arguments, nprocs=2)
    for worker in range(2):
        found = json.loads((tmp_path / str(worker) / "figures.json").read_text())
        for name in FIGURES:
            assert found[name] == pytest.approx(logged(alone, name), abs=close), name
