"""An early stop exports the student of the best evaluation, not of the last one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp

from distilray.storage import Store
from distilray.train import method_named
from distilray.train.distributed import cpu, sharding
from distilray.train.loop.best import KeepBest, export_best
from distilray.train.loop.callbacks import EarlyStop
from distilray.train.loop.metrics import BEST_RECORD
from distilray.train.spec import Job
from tests.support.ports import free_port
from tests.support.ranks import one_of
from tests.support.specs import SHORT, spec_of
from tests.support.taught import scored_run, settings, trained
from tests.support.trainer import logged, model_at

OUT = "training/sft"
PATIENCE = 2


def job(store: Store, student: str) -> Job:
    settings = method_named("sft").settings(name="sft", **SHORT)
    return Job.of(spec_of(store, settings, student, OUT), [], None)  # type: ignore[arg-type]


def stopped_early(store: Store, student: str, folder: Path) -> tuple[Any, dict[int, torch.Tensor]]:
    """A training whose rows teach it the held-out row first and its opposite after: its trainer, and a weight at each
    evaluation."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    good = {"input_ids": torch.arange(20, 60), "labels": torch.arange(20, 60)}
    bad = {"input_ids": torch.arange(20, 60), "labels": torch.arange(100, 140)}
    model = model_at(student)
    arguments = TrainingArguments(
        str(folder), max_steps=12, per_device_train_batch_size=1, learning_rate=1e-2, lr_scheduler_type="constant",
        eval_strategy="steps", eval_steps=1, save_strategy="no", use_cpu=True, report_to="none", disable_tqdm=True,
    )  # fmt: skip

    class InTurn(Trainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return range(12)

    weights: dict[int, torch.Tensor] = {}

    class Seen(TrainerCallback):
        def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            weights[state.global_step] = model.model.norm.weight.detach().clone()

    trainer = InTurn(model, arguments, train_dataset=[good] * 4 + [bad] * 8, eval_dataset=[good])
    trainer.add_callback(Seen())
    trainer.add_callback(EarlyStop(PATIENCE))
    trainer.add_callback(KeepBest(trainer, job(store, student)))
    trainer.train()
    return trainer, weights


def test_the_student_with_the_lowest_held_out_loss_is_exported(student: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    trainer, weights = stopped_early(store, student, tmp_path / "out")
    losses = [record["eval_loss"] for record in trainer.state.log_history if "eval_loss" in record]
    best = losses.index(min(losses)) + 1
    assert trainer.state.global_step == best + PATIENCE < 12
    assert store.read_json(f"{OUT}/{BEST_RECORD}") == {"step": best, "held_out_loss": min(losses)}
    assert store.names(f"{OUT}/best") == [f"step-{best:08d}"]  # one at a time
    assert export_best(job(store, student))
    exported = model_at(store.full(f"{OUT}/final"))
    assert torch.equal(exported.model.norm.weight, weights[best])
    assert not torch.equal(exported.model.norm.weight, weights[max(weights)])
    ids = torch.arange(20, 60)[None]
    with torch.no_grad():
        assert exported(input_ids=ids, labels=ids).loss.item() == pytest.approx(min(losses), rel=1e-4)
    assert export_best(job(store, student))  # after a kill between the export and the manifest


def test_without_an_evaluation_there_is_no_best(student: str, tmp_path: Path) -> None:
    assert not export_best(job(Store(tmp_path), student))


def test_a_loss_that_is_no_number_is_never_the_best(student: str, tmp_path: Path) -> None:
    from types import SimpleNamespace

    from distilray.train.loop.best import evaluations_since_best

    history = [{"eval_loss": loss} for loss in (2.0, 1.5, math.nan)]
    assert evaluations_since_best(SimpleNamespace(log_history=history)) == 1


def one_of_two(worker: int, run: str, paths: list[str], student: str, port: int, out: str) -> None:
    """One of two workers under FSDP2, which keep the best of four evaluations."""
    with one_of(2, worker, port):
        more = {**sharding.arguments(settings(), 2, ["Qwen2DecoderLayer"]), **cpu.arguments("fsdp"), "eval_steps": 2}
        keep = job(Store(out), student)
        trainer = trained(
            (Store(run), paths), student, Path(out) / str(worker), micro=2, workers=2, more=more,
            prepared=lambda trainer: trainer.add_callback(KeepBest(trainer, keep)),
        )  # fmt: skip
        if worker == 0:
            Store(out).write_json("losses.json", [logged(trainer, "loss"), logged(trainer, "eval_loss")])


@pytest.mark.long
def test_two_workers_keep_the_best_student_and_train_as_if_they_did_not(
    student: str, teacher: str, tmp_path: Path
) -> None:
    store, paths = scored_run(tmp_path / "run", student, teacher)
    alone = trained((store, paths), student, tmp_path / "alone", micro=4, more={"eval_steps": 2})
    out = Store(tmp_path / "two")
    mp.spawn(one_of_two, (str(tmp_path / "run"), paths, student, free_port(), str(tmp_path / "two")), nprocs=2)
    losses, held_out = out.read_json("losses.json")
    assert losses == pytest.approx(logged(alone, "loss"), abs=1e-3)
    kept = out.read_json(f"{OUT}/{BEST_RECORD}")
    assert kept["held_out_loss"] == pytest.approx(min(held_out))
    assert kept["step"] == 2 * (held_out.index(min(held_out)) + 1) == 8
    assert export_best(job(out, student))
    exported = model_at(out.full(f"{OUT}/final")).state_dict()
    for name, weights in alone.model.state_dict().items():
        if name in exported:
            torch.testing.assert_close(exported[name], weights, atol=2e-3, rtol=0)
