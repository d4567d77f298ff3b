"""Translates the setting ``sharding`` for accelerate and DeepSpeed, and checks that FSDP applied it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from distilray.train.settings import TrainSettings

if TYPE_CHECKING:
    import torch


def arguments(settings: TrainSettings, workers: int, layers: list[str], *, on_cpu: bool = False) -> dict[str, Any]:
    """Training arguments for ``settings.sharding``; ``layers`` are the classes of the model's repeated blocks. On CPUs
    everything is in the host's memory already, so nothing is offloaded."""
    checkpointing, offload = settings.activation_checkpointing, settings.offload and not on_cpu
    if workers == 1 and not settings.sharding.startswith("zero"):
        return {"gradient_checkpointing": checkpointing}  # no other worker to share with
    if settings.sharding == "fsdp":
        return {
            "fsdp": True,
            "fsdp_config": {
                "version": 2,
                "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
                "transformer_layer_cls_to_wrap": layers,
                "state_dict_type": "SHARDED_STATE_DICT",  # every rank writes its own shard of a checkpoint
                "cpu_ram_efficient_loading": True,  # the first worker's weights are sent to the others
                "activation_checkpointing": checkpointing,
                "cpu_offload": offload,
            },
            "gradient_checkpointing": False,  # FSDP has its own, which does not gather weights twice
            # Else every worker adds up whole gradients over the micro batches of a step: 131 GB of a 32B student.
            "accelerator_config": {"gradient_accumulation_kwargs": {"sync_each_batch": True}},
        }
    if settings.sharding == "ddp":
        return {"gradient_checkpointing": checkpointing, "ddp_find_unused_parameters": False}
    return {
        "deepspeed": _deepspeed(int(settings.sharding[-1]), offload),
        "gradient_checkpointing": checkpointing,
    }


def _deepspeed(stage: int, offload: bool) -> dict[str, Any]:
    away: dict[str, Any] = {"offload_optimizer": {"device": "cpu"}} if offload else {}
    if offload and stage == 3:
        away["offload_param"] = {"device": "cpu"}
    return {
        "zero_optimization": {"stage": stage, "stage3_gather_16bit_weights_on_model_save": True, **away},
        "train_micro_batch_size_per_gpu": "auto",
        "train_batch_size": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "bf16": {"enabled": "auto"},
        # As under FSDP2: else gradients are added up in bf16, over micro batches and over workers.
        "data_types": {"grad_accum_dtype": "fp32"},
        "communication_data_type": "fp32",
        "zero_allow_untested_optimizer": True,
    }


def keep_precision(arguments: Any, settings: TrainSettings) -> None:
    """Makes FSDP2 in bf16 sum gradients in fp32 and not cast the student's outputs; call it before the trainer is
    created.

    accelerate's own way sums the workers' gradients in bf16, and rounds log-probabilities and losses to bf16, three
    digits, in the student's outputs.
    """
    if arguments.fsdp_plugin_args is None or settings.precision != "bf16":
        return
    import torch
    from torch.distributed.fsdp import MixedPrecisionPolicy

    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    arguments.fsdp_plugin_args["mixed_precision_policy"] = policy


@contextmanager
def whole() -> Iterator[None]:
    """Models that are loaded or asked in this context are not managed by DeepSpeed.

    While ZeRO-3's settings are active, transformers partitions every model as it loads it, including a reference or
    teacher that no DeepSpeed engine will ever gather, and TRL's fused head has DeepSpeed gather it.
    """
    from transformers.integrations import deepspeed

    settings = deepspeed._hf_deepspeed_config_weak_ref
    deepspeed.unset_hf_deepspeed_config()
    try:
        yield
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = settings


def assert_sharded(model: torch.nn.Module, workers: int) -> None:
    """Raises :class:`AssertionError` unless every parameter is sharded over ``workers``, none of which holds all of it.

    A parameter with fewer rows than workers leaves some of them an empty shard; that is still a shard, and one with a
    single row cannot be spread at all.
    """
    from torch.distributed.tensor import DTensor

    for name, parameter in model.named_parameters():
        if not isinstance(parameter, DTensor):
            raise AssertionError(f"{name} is a {type(parameter).__name__}: FSDP does not shard it")
        whole, local = parameter.numel(), parameter.to_local().numel()
        if parameter.shape[0] > 1 and local >= whole:
            raise AssertionError(f"{name}: one of {workers} workers holds all {whole} numbers of it")
