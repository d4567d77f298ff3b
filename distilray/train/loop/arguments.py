"""The settings of every training as arguments of transformers' trainer."""

from __future__ import annotations

import os
from typing import Any

from distilray.train.distributed import cpu, sharding
from distilray.train.loop.student import repeated_blocks
from distilray.train.settings import TrainSettings, accumulation
from distilray.train.spec import Job


def common_arguments(job: Job, steps: int, on_cpu: bool) -> dict[str, Any]:
    """Arguments of transformers' trainer that all methods share."""
    settings, workers = job.settings, job.resources.workers
    micro, accumulate = accumulation(settings, job.resources.groups)
    layers = repeated_blocks(job.student_path, job.method)
    return dict(
        output_dir=os.path.join(job.scratch, "checkpoints"),
        max_steps=steps,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=1 if job.resources.sequence_parallel > 1 else micro,
        gradient_accumulation_steps=accumulate,
        learning_rate=settings.learning_rate,
        **schedule(settings, steps),
        warmup_steps=settings.warmup if settings.warmup < 1 else int(settings.warmup),
        weight_decay=settings.weight_decay,
        adam_beta1=settings.betas[0],
        adam_beta2=settings.betas[1],
        max_grad_norm=settings.max_grad_norm,
        bf16=settings.precision == "bf16",
        save_strategy="steps",
        save_steps=settings.save_every,
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
        **sharding.arguments(settings, workers, layers, on_cpu=on_cpu),
        **(cpu.arguments(settings.sharding) if on_cpu else {}),
    )


def schedule(settings: TrainSettings, steps: int) -> dict[str, Any]:
    """The learning rate schedule in transformers' terms."""
    names = {"constant": "constant_with_warmup", "wsd": "warmup_stable_decay"}
    known: dict[str, Any] = {"lr_scheduler_type": names.get(settings.schedule, settings.schedule)}
    if settings.schedule == "wsd":
        decay = {"num_decay_steps": max(1, round(settings.decay * steps)), "min_lr_ratio": settings.min_lr_ratio}
        known["lr_scheduler_kwargs"] = decay
    elif settings.schedule == "cosine" and settings.min_lr_ratio:
        known |= {
            "lr_scheduler_type": "cosine_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr_rate": settings.min_lr_ratio},
        }
    return known
