"""Two workers over gloo answer held-out prompts together, each its share or none: what is right is what one process
finds with the student that they export, whole or with adapters."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch.multiprocessing as mp
from transformers import AutoTokenizer

from distilray.train.data.training_data import open_feed, write_feed
from distilray.train.distributed import cpu, sharding
from distilray.train.loop.best import KeepBest, export_best
from distilray.train.loop.generation import HeldOutAnswers
from distilray.train.loop.metrics import BEST_RECORD
from distilray.train.spec import Job
from tests.support.answering import GENERATE, TOKENS, in_fp32, measured, practice_job, settings, with_other_answers
from tests.support.ports import free_port
from tests.support.ranks import one_of
from tests.support.trainer import arguments_in, logged, trained_here

pytestmark = pytest.mark.slow

CASES: dict[str, dict[str, Any]] = {
    "fsdp": {},
    "fsdp, one prompt": {"prompts": 1},
    "ddp": {"sharding": "ddp"},
    "fsdp, adapters": {"lora": {"r": 4}},
    "fsdp, adapters, bf16": {"lora": {"r": 4}, "precision": "bf16"},
    "ddp, adapters, one prompt": {"sharding": "ddp", "lora": {"r": 4}, "prompts": 1},
}
PROMPTS = 5


def job_of(case: str, base: Job, student: str) -> Job:
    changes = {**CASES[case]}
    generate = {**GENERATE, "prompts": changes.pop("prompts", PROMPTS)}
    return replace(base, settings=settings(generate=generate, **changes), student_path=student, out=f"training/{case}")


def evaluated(job: Job, folder: Path, workers: int) -> Any:
    """The trainer after a step, an evaluation and the export of the student as it then was."""
    folder.mkdir(parents=True)
    write_feed(job.store, [TOKENS], str(folder), holdout=job.settings.holdout, pack_to=None)
    arguments = arguments_in(folder, steps=1, micro=2, workers=workers, evaluate=True)
    arguments |= {"learning_rate": 1e-4, "per_device_eval_batch_size": 2, "bf16": job.settings.precision == "bf16"}
    if workers > 1:
        arguments |= {**sharding.arguments(job.settings, workers, ["Qwen2DecoderLayer"]), **cpu.arguments("fsdp")}

    def answering(trainer: Any) -> None:
        with_other_answers(trainer.model, 0.05)
        trainer.answers = HeldOutAnswers(trainer, job, AutoTokenizer.from_pretrained(job.student_path))
        trainer.add_callback(KeepBest(trainer, job))

    feed = open_feed(str(folder), packed=False)
    return trained_here(job.method, job, arguments, feed, job.student_path, workers=workers, prepared=answering)


def one_of_two(worker: int, base: Job, student: str, port: int, out: str) -> None:
    with one_of(2, worker, port):
        for case in CASES:
            job = job_of(case, base, student)
            with patch.dict(os.environ):  # through which accelerate keeps FSDP switched on
                trainer = evaluated(job, Path(out) / str(worker) / case, 2)
            found = {name: logged(trainer, name) for name in ("eval_right", "eval_answer_tokens")}
            torch.save(found, Path(out) / str(worker) / case / "found.pt")


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, str, Path]:
    folder = tmp_path_factory.mktemp("generation-ranks")
    base, student = practice_job(folder), in_fp32(folder / "student")
    mp.spawn(one_of_two, (base, student, free_port(), str(folder)), nprocs=2)
    return base, student, folder


@pytest.mark.parametrize("case", CASES)
def test_two_workers_find_what_one_finds_with_the_student_that_they_export(
    evaluations: tuple[Job, str, Path], tmp_path: Path, case: str
) -> None:
    base, student, folder = evaluations
    job = job_of(case, base, student)
    found = [torch.load(folder / str(worker) / case / "found.pt") for worker in range(2)]
    assert found[0] == found[1], "all workers log the same"
    assert export_best(job)
    assert job.store.read_json(f"{job.out}/{BEST_RECORD}")["held_out_right"] == found[0]["eval_right"][0]
    if "bf16" in case:  # in which a batch's other rows change what is rounded, and so a token now and then
        assert 0 <= found[0]["eval_right"][0] <= 1 and found[0]["eval_answer_tokens"][0] > 0
        return
    alone = measured(job, tmp_path, 1, job.store.full(job.final))
    assert len(alone.questions) == job.settings.generate.prompts
    expected = alone.measure()
    assert found[0]["eval_right"] == [pytest.approx(expected["right"])]
    assert found[0]["eval_answer_tokens"] == [pytest.approx(expected["answer_tokens"])]
    if "adapters" in case:
        assert measured(job, tmp_path, 1, student).measure() != expected, "the control: the student without them"
