"""The reference model: frozen, in the precision of the weights that the student starts from (fp32 masters; with
adapters the compute precision, or 4 bits), so that the two agree before the first step; sharded layer by layer where
the student is.

TRL wraps only the root of a reference under FSDP2, so that a 32B one would be gathered whole in each step; here every
layer is sharded by itself and only one is whole at a time, under ZeRO-3 too.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.fsdp import MixedPrecisionPolicy
from trl.trainer.utils import add_fused_lm_head, use_adapter

from distilray.checkpoints import local_student
from distilray.train.distributed import sharding
from distilray.train.distributed.loading import load, shard
from distilray.train.loop.context import WorkerContext
from distilray.train.loop.student import load_student
from distilray.train.methods.shared.referenced import Reference
from distilray.train.settings import IGNORED, TrainSettings
from distilray.train.spec import Job


def load_reference(job: Job, device: torch.device) -> Any:
    """The reference model, which returns log-probabilities; all workers call it together."""
    settings = job.settings
    path = job.student_path if settings.reference is None else local_student(job.models[settings.reference].path)
    lora, attention = settings.lora, settings.attention
    if lora is not None and lora.quantize and settings.reference is None:  # the student's own base, on its device
        with sharding.whole():
            model = load_student(path, settings, device.type == "cpu", job.method, {})
        model.eval().requires_grad_(False)
        add_fused_lm_head(model)
        return model
    precision = torch.bfloat16 if lora is not None and settings.precision == "bf16" else torch.float32
    shared_out = dist.get_world_size() > 1 and settings.sharding not in ("ddp", "zero2")
    options: dict[str, Any] = {} if attention == "sdpa" else {"attn_implementation": attention}
    with sharding.whole():
        model = load("AutoModelForCausalLM", path, precision, once=shared_out, **options)
    model.eval().requires_grad_(False)
    add_fused_lm_head(model)
    if not shared_out:
        return model.to(device)
    computed = {"mp_policy": MixedPrecisionPolicy(param_dtype=torch.bfloat16)} if settings.precision == "bf16" else {}
    return shard(model, device, **computed)


def token_log_probs(model: Any, batch: dict[str, torch.Tensor], settings: TrainSettings) -> torch.Tensor:
    """Log-probability of each token of the completions, given all before it: shape ``(2 B, length - 1)``, else 0."""
    ids = batch["input_ids"]
    labels = ids.masked_fill(batch["completion_mask"] == 0, IGNORED)
    with torch.no_grad(), torch.autocast(ids.device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
        out = model(input_ids=ids, use_cache=False, labels=labels, fused_lm_head=True)
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
