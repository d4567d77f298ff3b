"""A method's trainer in this process, for tests of what its steps come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from distilray.train.data.order import batch_order
from distilray.train.data.training_data import TrainingData
from distilray.train.distributed import cpu, sharding
from distilray.train.loop.callbacks import Sharded, StopAt
from distilray.train.loop.context import WorkerContext
from distilray.train.loop.student import adapters, load_student

BATCH = 8


def model_at(path: str) -> Any:
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


def arguments_in(folder: Path, *, steps: int, micro: int, workers: int, evaluate: bool) -> dict[str, Any]:
    """Arguments of ``steps`` steps of ``BATCH`` rows in micro batches; held-out rows are evaluated at the end."""
    common = {
        "output_dir": str(folder / "out"), "max_steps": steps, "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": BATCH // micro // workers, "learning_rate": 3e-3, "use_cpu": True, "bf16": False,
        "report_to": "none", "disable_tqdm": True, "logging_steps": 1, "save_strategy": "no", "seed": 0,
        "gradient_checkpointing": False, "lr_scheduler_type": "constant", "per_device_eval_batch_size": 4,
    }  # fmt: skip
    return common | ({"eval_strategy": "steps", "eval_steps": steps} if evaluate else {})


def trained_here(
    method: Any,
    job: Any,
    arguments: dict[str, Any],
    feed: TrainingData,
    student: str,
    *,
    workers: int = 1,
    stop: int | None = None,
    resume: str | None = None,
    by_length: bool = True,
    callbacks: Sequence[Any] = (),
    prepared: Callable[[Any], None] | None = None,
) -> Any:
    """The trainer of ``method`` after its steps, or ``stop``; from the checkpoint ``resume``, where there is one.
    ``prepared`` gets the trainer before its first step."""
    settings = job.settings
    made = method.arguments(settings, arguments)
    if made.bf16:
        sharding.keep_precision(made, settings)
    if workers > 1:
        cpu.before_trainer(settings.sharding, workers)
    trainer = method.trainer(
        WorkerContext(
            job=job,
            arguments=made,
            model=load_student(student, settings, True, method, {}),
            tokenizer=AutoTokenizer.from_pretrained(student),
            feed=feed,
            order=batch_order(feed.lengths, arguments["max_steps"], BATCH, seed=0, by_length=by_length),
            adapters=adapters(settings, method),
        )
    )
    if workers > 1 and settings.sharding == "fsdp":
        trainer.add_callback(Sharded(trainer, workers))  # raises where DDP took FSDP's place
    for callback in callbacks:
        trainer.add_callback(callback)
    if stop:
        trainer.add_callback(StopAt(stop))
    if prepared:
        prepared(trainer)
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def logged(trainer: Any, name: str) -> list[float]:
    return [record[name] for record in trainer.state.log_history if name in record]
