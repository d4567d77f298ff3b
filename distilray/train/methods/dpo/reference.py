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
from trl.trainer.utils import add_fused_lm_head, use_adapter

from distilray.checkpoints import local_student
from distilray.train.distributed import sharding
from distilray.train.loop.context import WorkerContext
from distilray.train.loop.student import load_student
from distilray.train.methods.shared.referenced import Reference
from distilray.train.settings import IGNORED, TrainSettings
from distilray.train.spec import Job


def load_reference(job: Job, device: torch.device) -> Any:
    """The reference model, which returns log-probabilities; all workers call it together."""
    settings = job.settings
    path = job.student_path if settings.reference is None else local_student(job.models[settings.reference].path)
    loaded = settings
    if settings.reference is not None and settings.lora is not None:  # only the student's own base may be quantized
        loaded = settings.model_copy(update={"lora": settings.lora.model_copy(update={"quantize": None})})
    with sharding.whole():
        model = load_student(path, loaded, device.type == "cpu", job.method, {}).eval().requires_grad_(False)
    add_fused_lm_head(model)
    if loaded.lora is not None and loaded.lora.quantize:  # is on its device already
        return model
    if dist.get_world_size() == 1 or settings.sharding in ("ddp", "zero2"):
        return model.to(device)
    return shard(model, settings, device)


def shard(model: Any, settings: TrainSettings, device: torch.device) -> Any:
    """``model`` over all workers, each of its blocks by itself (FSDP2)."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    options: dict[str, Any] = {"mesh": init_device_mesh(device.type, (dist.get_world_size(),))}
    if settings.precision == "bf16":
        options["mp_policy"] = MixedPrecisionPolicy(param_dtype=torch.bfloat16)
    blocks = set(model._no_split_modules)
    for module in model.modules():
        if type(module).__name__ in blocks:
            fully_shard(module, **options)
    fully_shard(model, reshard_after_forward=True, **options)  # no backward pass would do it
    return model


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
