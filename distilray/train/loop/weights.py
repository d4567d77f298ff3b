"""The trained weights for an export: in its precision, one tensor at a time, in files of a size that travels well.

Masters are in fp32 and spread over all workers. The first worker has each of them whole only for as long as it takes to
round it: of a 32B student it holds 66 GB in the end, not 131 GB in fp32 beside them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.tensor import DTensor

SHARD_SIZE = "5GB"
"""Largest file of an export."""


def gathered_weights(trainer: Any, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The trained weights (those of the adapters alone, where there are any) on the CPU, floating point ones as
    ``dtype``. All workers call it together; only the first gets them."""
    if trainer.is_deepspeed_enabled and trainer.model_wrapped.zero_optimization_partition_weights():
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) or {}
        return {name: _as(weights.pop(name), dtype) for name in list(weights)}
    model = trainer.accelerator.unwrap_model(trainer.model)
    adapted = hasattr(model, "peft_config")
    state = model.state_dict(keep_vars=True)
    # Shared weights (a head tied to the embedding) have an entry for each name.
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    weights = {}
    for name, tensor in state.items():
        if tied.get(name) in state or (adapted and not tensor.requires_grad):
            continue
        whole = _whole(tensor.detach(), dtype, trainer.accelerator.device)
        if trainer.is_world_process_zero():
            weights[name] = whole.to("cpu", copy=True)
    return weights


def merge_adapters(model: Any, dtype: torch.dtype) -> Any:
    """The model that peft's ``model`` has adapted, with its adapters merged: weights are added in fp32, one at a time,
    and rounded to ``dtype``."""
    from peft.tuners.lora import LoraLayer

    for module in model.modules():
        if isinstance(module, LoraLayer):
            base = module.get_base_layer()
            base.weight.data = base.weight.data.float()
            module.merge()
            base.weight.data = base.weight.data.to(dtype)
    return model.merge_and_unload().to(dtype)


def _whole(tensor: torch.Tensor, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    if isinstance(tensor, DTensor):  # also of weights that are offloaded: its workers meet on their devices
        return _as(tensor, dtype).to(device).full_tensor()
    return _as(tensor, dtype)


def _as(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor
