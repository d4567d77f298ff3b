"""A live teacher is spread over all workers, and says the same there as in one piece: two processes over gloo."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp

from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train.errors import StopTraining
from distilray.train.methods.distill.live import LiveTeachers
from distilray.train.methods.distill.live_check import check_live_teachers
from distilray.train.scoring.forward_pass import ProbeRow
from tests.support.ports import free_port
from tests.support.ranks import one_of
from tests.support.taught import K, settings

pytestmark = pytest.mark.slow


def inputs_of(worker: int) -> dict[str, Any]:
    """Each worker reads rows of its own."""
    ids = torch.randint(4, 250, (2, 24), generator=torch.Generator().manual_seed(worker))
    labels = ids.clone()
    labels[:, :10] = -100
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def read(worker: int, workers: int, teacher: str, port: int, out: str) -> None:
    with one_of(workers, worker, port):
        taught = LiveTeachers([(teacher, 1.0)], K, workers, torch.device("cpu"))
        [model] = taught.models
        [first] = taught(inputs_of(worker))
        [again] = taught(inputs_of(worker))  # the second time its layers are gathered anew
        held = sum(parameter.to_local().numel() for parameter in model.parameters())
        whole = sum(parameter.numel() for parameter in model.parameters())
        torch.save(
            {"hidden": first.hidden, "again": again.hidden, "head": first.head, "share": held / whole},
            f"{out}/{worker}",
        )


PROBES = [ProbeRow(f"row {k}", list(range(4 + k, 40 + k)), tuple(range(20, 36))) for k in range(2)]


def disturb(worker: int, workers: int, run: str, teacher: str, port: int, out: str) -> None:
    with one_of(workers, worker, port):
        job: Any = SimpleNamespace(
            store=Store(run), settings=settings(source="live"), models={"teacher": VLLMModel(path=teacher)}, out="t"
        )
        taught = LiveTeachers([(teacher, 1.0)], K, workers, torch.device("cpu"), PROBES)
        check_live_teachers(job, taught, PROBES)
        tested = job.store.read_json("t/teacher-teacher.json")["nats_per_token"]
        if worker == 1:
            taught.models[0].model.norm.register_forward_hook(lambda *last: 1.5 * last[-1])
        with pytest.raises(StopTraining) as stopped:
            check_live_teachers(job, taught, PROBES)
        torch.save((tested, str(stopped.value)), f"{out}/{worker}")


def test_the_worker_whose_teacher_differs_stops_all_by_its_name(teacher: str, tmp_path: Path) -> None:
    mp.spawn(disturb, (2, str(tmp_path / "run"), teacher, free_port(), str(tmp_path)), nprocs=2)
    for worker in range(2):
        tested, said = torch.load(tmp_path / str(worker))
        assert tested.keys() == {"worker 0 of 2", "worker 1 of 2"}
        assert max(tested.values()) < 1e-4
        assert "worker 1 of 2 differs from a plain forward pass of its checkpoint in fp32" in said
        assert "worker 0 of 2" not in said


def test_a_sharded_teacher_expects_what_a_whole_one_does(teacher: str, tmp_path: Path) -> None:
    mp.spawn(read, (2, teacher, free_port(), str(tmp_path)), nprocs=2)
    whole = LiveTeachers([(teacher, 1.0)], K, 1, torch.device("cpu"))
    for worker in range(2):
        found = torch.load(tmp_path / str(worker))
        [expected] = whole(inputs_of(worker))
        torch.testing.assert_close(found["hidden"], expected.hidden, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found["again"], expected.hidden, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found["head"], expected.head)
        assert found["share"] < 0.6, "a worker holds more than its share of the teacher"
