"""Live teachers are tested on a few rows before the first step, against their checkpoints as they were read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train.distributed.loading import in_fp32_on
from distilray.train.errors import StopTraining
from distilray.train.methods.distill.live import LiveTeachers
from distilray.train.methods.distill.live_check import check_live_teachers, probes_of
from distilray.train.scoring.forward_pass import forward_log_probs
from distilray.train.scoring.teacher_check import ROWS
from tests.support.taught import scored_run, settings
from tests.support.trainer import model_at

CPU = torch.device("cpu")
RECORD = "training/distill/teacher-teacher.json"


@pytest.fixture(scope="module")
def run(student: str, teacher: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[str]]:
    return scored_run(tmp_path_factory.mktemp("run"), student, teacher)


def job_of(run: tuple[Store, list[str]], teacher: str) -> Any:
    models = {"teacher": VLLMModel(path=teacher)}
    return SimpleNamespace(
        store=run[0], tokens=run[1], settings=settings(source="live"), models=models, out="training/distill"
    )


def test_a_teacher_that_is_its_checkpoint_is_recorded(run: tuple[Store, list[str]], teacher: str) -> None:
    job = job_of(run, teacher)
    probes = probes_of(job)
    teachers = LiveTeachers([(teacher, 1.0)], None, 1, CPU, probes)
    assert len(probes) == ROWS
    for found, wanted in zip(teachers.plain[0], forward_log_probs(teacher, "float32", probes)[1], strict=True):
        assert found == pytest.approx(wanted, abs=1e-5)
    check_live_teachers(job, teachers, probes)
    record = job.store.read_json(RECORD)
    assert record["rows"] == [row.id for row in probes]
    assert 0 <= record["nats_per_token"]["worker 0 of 1"] < 1e-4


@pytest.mark.parametrize("part", ["model.layers.0.mlp.up_proj.weight", "lm_head.weight"])
def test_a_teacher_that_is_not_stops_the_run_by_name_and_token(
    run: tuple[Store, list[str]], teacher: str, tmp_path: Path, part: str
) -> None:
    job = job_of((Store(tmp_path), run[1]), teacher)
    probes = probes_of(job_of(run, teacher))
    teachers = LiveTeachers([(teacher, 1.0)], 4, 1, CPU, probes)
    weight = head_of(teachers) if part == "lm_head.weight" else teachers.models[0].get_parameter(part)
    with torch.no_grad():
        weight.add_(0.1 * torch.randn_like(weight))
    message = (
        r"the live teacher 'teacher' \(.*\) was tested on 4 rows before it is learned from: worker 0 of 1 differs from "
        r"a plain forward pass of its checkpoint in fp32 by [0-9.]+ nats per token in row 'tiny:\d+', most at token \d+"
    )
    with pytest.raises(StopTraining, match=message):
        check_live_teachers(job, teachers, probes)
    assert not job.store.exists(RECORD)


def head_of(teachers: LiveTeachers) -> torch.Tensor:
    return teachers.models[0].get_output_embeddings().weight


def test_the_plain_pass_is_in_fp32_and_leaves_the_weights_as_they_were(teacher: str) -> None:
    exact = model_at(teacher).to(torch.bfloat16)
    model = model_at(teacher).to(torch.bfloat16)
    before = {name: tensor for name, tensor in model.named_parameters()}
    ids = torch.arange(4, 40)[None]
    with torch.no_grad(), in_fp32_on(model, CPU):
        found = model(input_ids=ids, use_cache=False).logits
    assert found.dtype == torch.float32
    assert all(parameter is before[name] for name, parameter in model.named_parameters())
    with torch.no_grad():
        rounded, whole = model(input_ids=ids).logits, exact.float()(input_ids=ids).logits
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(found, whole, atol=1e-4, rtol=1e-4)
