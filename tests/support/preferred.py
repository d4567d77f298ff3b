"""A trainer of pairs in this process, without Ray; for tests of preference optimisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import torch.distributed as dist
from transformers import AutoTokenizer

from distilray.storage import Store
from distilray.train import TrainResources, TrainSettings, method_named
from distilray.train.data.tokens import tokenize_unit
from distilray.train.data.training_data import TrainingData, open_feed, write_feed
from distilray.train.distributed import cpu, sharding
from distilray.train.loop.callbacks import Sharded
from distilray.train.loop.context import WorkerContext
from distilray.train.loop.student import adapters, load_student
from distilray.train.scoring.references import CHOSEN, REJECTED
from distilray.train.spec import Job
from tests.support import losses_written_out as written
from tests.support.gradients import FirstGradient, exact_model, gradient_of
from tests.support.pairs import pair_units, pairs, settings
from tests.support.specs import spec_of

TOKENS = "training/dpo/tokens/unit-000000.parquet"
PAIRS = 8
Answers = tuple[torch.Tensor, torch.Tensor]
"""Token log-probabilities of a pair's chosen and rejected answer."""


def tokenized_pairs(folder: Path, student: str) -> Store:
    """A store in ``folder`` with ``PAIRS`` pairs as tokens."""
    store = Store(folder)
    (unit,) = pair_units(store, pairs(PAIRS))
    tokenize_unit(spec_of(store, settings(), student), unit, TOKENS, "key")
    return store


def job(store: Store, student: str, chosen: TrainSettings) -> Job:
    return Job(
        store=store, out="training/dpo", method=method_named(chosen.kind), tokens=[TOKENS], settings=chosen,
        resources=TrainResources(), student_path=student, board=None, token="x",
    )  # fmt: skip


def made_up(rows: pa.Table) -> pa.Table:
    """``rows`` beside a reference of random log-probabilities."""
    dice = np.random.default_rng(0)
    for name, ids in ((CHOSEN, "chosen_ids"), (REJECTED, "rejected_ids")):
        numbers = [(-5 * dice.random(len(some))).tolist() for some in rows[ids].to_pylist()]
        rows = rows.append_column(name, pa.array(numbers, pa.list_(pa.float32())))
    return rows


def feed_of(store: Store, folder: Path, join: Any) -> TrainingData:
    write_feed(store, [TOKENS], str(folder), holdout=0, pack_to=None, join=join)
    return open_feed(str(folder), packed=False)


def trainer_on(
    store: Store,
    student: str,
    feed: TrainingData,
    tmp_path: Path,
    chosen: TrainSettings,
    models: Any = None,
    begins: str | None = None,
    **changes: Any,
) -> Any:
    """Four steps of four pairs, in the order of the rows; ``changes`` are of transformers' arguments. Trains the
    checkpoint ``begins``, by default ``student``. All workers of a group call it together."""
    workers = dist.get_world_size() if dist.is_initialized() else 1
    common = {
        "output_dir": str(tmp_path / "out"), "use_cpu": True, "report_to": "none", "max_steps": 4,
        "bf16": chosen.precision == "bf16", "learning_rate": chosen.learning_rate, "per_device_train_batch_size": 4,
        "save_strategy": "no", "logging_steps": 1, "logging_nan_inf_filter": False, "disable_tqdm": True,
        "gradient_checkpointing": False, "dataloader_pin_memory": False,
    }  # fmt: skip
    if workers > 1:
        common |= {**sharding.arguments(chosen, workers, ["Qwen2DecoderLayer"]), **cpu.arguments(chosen.sharding)}
    work = replace(job(store, student, chosen), models=models or {})
    arguments = work.method.arguments(chosen, common | changes)
    cpu.before_trainer(chosen.sharding, workers)
    session = WorkerContext(
        job=work,
        arguments=arguments,
        model=load_student(begins or student, chosen, True, work.method, {}),
        tokenizer=AutoTokenizer.from_pretrained(student),
        feed=feed,
        order=np.tile(np.arange(PAIRS), 2),
        adapters=adapters(chosen, work.method),
    )
    trainer = work.method.trainer(session)
    if workers > 1 and chosen.sharding == "fsdp":
        trainer.add_callback(Sharded(trainer, workers))  # raises where DDP took FSDP's place
    return trainer


def joined_feed(store: Store, folder: Path, work: Job) -> TrainingData:
    """The feed as the method of ``work`` joins it."""
    with work.method.joins(work, str(folder)) as join:
        return feed_of(store, folder, join)


def first_step(trainer: Any) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradient of the first step."""
    first = FirstGradient()
    trainer.add_callback(first)
    trainer.train()
    return next(record["loss"] for record in trainer.state.log_history if "loss" in record), first.of


def answers(model: Any, row: dict[str, Any]) -> Answers:
    found = []
    for name in ("chosen_ids", "rejected_ids"):
        ids = row["prompt_ids"] + row[name]
        found.append(written.log_probs(model(torch.tensor([ids])).logits[0], ids, len(row["prompt_ids"])))
    return found[0], found[1]


def pairs_in_fp64(
    student: str, rows: list[dict[str, Any]], loss_of: Callable[[dict[str, Any], Answers], torch.Tensor], sft: float = 0
) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradient of a step: the mean over pairs, and ``sft`` times the mean over chosen tokens."""
    model = exact_model(student)
    found = [answers(model, row) for row in rows]
    loss = torch.stack([loss_of(row, pair) for row, pair in zip(rows, found, strict=True)]).mean()
    loss = loss - sft * torch.cat([chosen for chosen, _ in found]).mean()
    loss.backward()
    return loss.item(), gradient_of(model)
