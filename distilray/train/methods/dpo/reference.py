"""The reference model: frozen, in fp32 like the student's masters, sharded layer by layer where the student is.

TRL wraps only the root of a reference under FSDP2, so that a 32B one would be gathered whole in each step; here every
layer is sharded by itself and only one is whole at a time, under ZeRO-3 too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.fsdp import MixedPrecisionPolicy
from trl.trainer.utils import add_fused_lm_head, use_adapter

from distilray.checkpoints import local_student
from distilray.train.distributed import sharding
from distilray.train.distributed.loading import load, shard
from distilray.train.loop.context import WorkerContext
from distilray.train.settings import IGNORED, TrainSettings
from distilray.train.spec import Job

Reference = Callable[[Any, dict[str, torch.Tensor]], torch.Tensor]
"""From the trainer's model and a batch of pairs to log-probabilities, shape ``(2 B, length - 1)``."""


def load_reference(job: Job, device: torch.device) -> Any:
    """The reference model, which returns log-probabilities; all workers call it together."""
    settings = job.settings
    path = job.student_path if settings.reference is None else local_student(job.models[settings.reference].path)
    shared_out = dist.get_world_size() > 1 and settings.sharding not in ("ddp", "zero2")
    with sharding.whole():
        model = load("AutoModelForCausalLM", path, torch.float32, once=shared_out)
    model.eval().requires_grad_(False)
    add_fused_lm_head(model)
    if not shared_out:
        return model.to(device)
    options = {"mp_policy": MixedPrecisionPolicy(param_dtype=torch.bfloat16)} if settings.precision == "bf16" else {}
    return shard(model, device, **options)


def token_log_probs(model: Any, batch: dict[str, torch.Tensor], settings: TrainSettings) -> torch.Tensor:
    """Log-probability of each token of the completions, given all before it: shape ``(2 B, length - 1)``, else 0."""
    ids, mask = batch["input_ids"], batch["attention_mask"]
    labels = ids.masked_fill(batch["completion_mask"] == 0, IGNORED)
    with torch.no_grad(), torch.autocast(ids.device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
        out = model(input_ids=ids, attention_mask=mask, use_cache=False, labels=labels, fused_lm_head=True)
    return out.log_probs.float()


def live_reference(context: WorkerContext) -> Reference:
    """Asks the reference in every step; a student with adapters is its own reference without them."""
    job = context.job
    if context.adapters is not None and job.settings.reference is None:
        return _without_adapters(job.settings)
    model = load_reference(job, context.arguments.device)

    def ask(trained: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with sharding.whole():
            return token_log_probs(model, batch, job.settings)

    return ask


def _without_adapters(settings: TrainSettings) -> Reference:
    def ask(trained: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with use_adapter(trained.accelerator.unwrap_model(trained.model), None):
            return token_log_probs(trained.model_wrapped, batch, settings)

    return ask
