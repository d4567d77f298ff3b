"""What every training process does: read tokens, shard the student, train, and export what came out."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from typing import Any

import numpy as np
import ray.train
import torch
from ray.train import Checkpoint
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, Trainer, TrainerCallback

from distilray.train import checkpoints, cpu, sharding
from distilray.train.export import gathered_weights, publish, write_checkpoint
from distilray.train.feed import Feed, open_feed, write_feed
from distilray.train.job import Job
from distilray.train.kind import Kind, Session
from distilray.train.kinds import kind_of
from distilray.train.order import batch_order, total_steps
from distilray.train.reporting import Reporting
from distilray.train.settings import TrainSettings, accumulation
from distilray.train.student import local_student
from distilray.train.watch import LossExploded


def train(job: Job) -> None:
    """Runs in each worker, inside the process group that Ray Train has made."""
    job = replace(job, student_path=local_student(job.student_path))
    settings, resources = job.settings, job.resources
    on_cpu = resources.gpus_per_worker == 0
    if on_cpu:
        torch.set_num_threads(max(1, int(resources.cpus_per_worker)))
    kind = kind_of(settings)
    kind.prepare(job)
    feed = _feed(job, kind)
    steps = total_steps(len(feed.lengths), settings.batch_size, epochs=settings.epochs, max_steps=settings.max_steps)
    order = batch_order(
        feed.lengths, steps, settings.batch_size, seed=settings.seed, by_length=settings.group_by_length
    )
    arguments = kind.arguments(settings, _arguments(job, steps, on_cpu))
    if on_cpu:
        cpu.before_trainer(settings.sharding, resources.workers)
    session = Session(
        job=job,
        arguments=arguments,
        model=AutoModelForCausalLM.from_pretrained(job.student_path, dtype=torch.float32),
        tokenizer=AutoTokenizer.from_pretrained(job.student_path),
        feed=feed,
        order=order,
        adapters=_lora(settings),
    )
    trainer = kind.trainer(session)
    trainer.remove_callback(PrinterCallback)  # records go to metrics.jsonl
    tokens_at = np.concatenate([[0], feed.lengths[order].reshape(steps, -1).sum(1).cumsum()])
    trainer.add_callback(
        Reporting(job.store, job.out, tokens_at, len(feed.lengths), settings.batch_size, job.board, kind.metrics)
    )
    if settings.sharding == "fsdp" and resources.workers > 1:
        trainer.add_callback(Sharded(trainer, resources.workers))
    try:
        _train(job, trainer)
    except LossExploded as error:  # in all workers alike; trying again would end the same way
        if ray.train.get_context().get_world_rank() == 0:
            ray.get(job.board.stop.remote(str(error)))
        return
    _export(job, trainer)


class Sharded(TrainerCallback):
    """Checks once, when training begins, that FSDP has sharded the student: a silent DDP would not fit later."""

    def __init__(self, trainer: Trainer, workers: int) -> None:
        self.trainer, self.workers = trainer, workers

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        sharding.assert_sharded(self.trainer.model, self.workers)


def _feed(job: Job, kind: Kind) -> Feed:
    folder, pack_to = os.path.join(job.scratch, "feed"), kind.pack_to(job.settings)
    if ray.train.get_context().get_local_rank() == 0:
        os.makedirs(folder, exist_ok=True)
        with kind.beside(job, folder) as join:
            write_feed(job.store, job.tokens, folder, holdout=job.settings.holdout, pack_to=pack_to, join=join)
    torch.distributed.barrier()
    return open_feed(folder, packed=pack_to is not None)


def _arguments(job: Job, steps: int, on_cpu: bool) -> dict[str, Any]:
    settings, workers = job.settings, job.resources.workers
    micro, accumulate = accumulation(settings, workers)
    layers = _layers(job.student_path)
    return dict(
        output_dir=os.path.join(job.scratch, "checkpoints"),
        max_steps=steps,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=micro,
        gradient_accumulation_steps=accumulate,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant_with_warmup" if settings.schedule == "constant" else settings.schedule,
        warmup_steps=settings.warmup if settings.warmup < 1 else int(settings.warmup),
        weight_decay=settings.weight_decay,
        adam_beta1=settings.betas[0],
        adam_beta2=settings.betas[1],
        max_grad_norm=settings.clip,
        bf16=settings.precision == "bf16",
        save_strategy="steps",
        save_steps=settings.save_every,
        save_total_limit=1,
        logging_strategy="steps",
        logging_steps=settings.log_every,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if settings.evaluate_every else "no",
        eval_steps=settings.evaluate_every,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=not on_cpu,
        seed=settings.seed,
        **sharding.arguments(settings, workers, layers),
        **(cpu.arguments(settings.sharding) if on_cpu else {}),
    )


def _layers(student_path: str) -> list[str]:
    """Classes of the model's repeated blocks, which FSDP shards one by one."""
    from accelerate import init_empty_weights
    from transformers import AutoConfig

    with init_empty_weights():
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(student_path))
    return sorted(model._no_split_modules)


def _lora(settings: TrainSettings) -> Any:
    if settings.lora is None:
        return None
    from peft import LoraConfig

    lora = settings.lora
    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    return LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets, task_type="CAUSAL_LM"
    )


def _train(job: Job, trainer: Trainer) -> None:
    resume = checkpoints.newest(job.store, f"{job.out}/checkpoints")
    if resume is None:
        trainer.train()
        return
    with Checkpoint(job.store.full(resume), job.store.filesystem).as_directory() as folder:
        trainer.train(resume_from_checkpoint=folder)


def _export(job: Job, trainer: Trainer) -> None:
    first = ray.train.get_context().get_world_rank() == 0
    weights = gathered_weights(trainer)
    if first:
        folder = os.path.join(job.scratch, f"final-{time.time_ns()}")
        write_checkpoint(trainer, weights, job.settings, job.student_path, folder)
        publish(job.store, folder, f"{job.out}/final")
    torch.distributed.barrier()
    if ray.train.get_context().get_local_rank() == 0:
        shutil.rmtree(job.scratch)
