"""The student as a worker loads it: its weights, its repeated blocks and its adapters."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
import transformers
from transformers import AutoConfig, PreTrainedModel

from distilray.train.distributed.loading import allocate, load
from distilray.train.settings import TrainSettings

if TYPE_CHECKING:
    from distilray.train.methods.base import TrainingMethod


def load_student(
    path: str, settings: TrainSettings, on_cpu: bool, method: TrainingMethod, head: dict[str, Any]
) -> PreTrainedModel:
    """The student at the local ``path``: fp32 masters where its weights are trained; with adapters, frozen weights in
    the compute precision, or in 4 bits. ``head``: of :meth:`TrainingMethod.head`; new weights are
    initialised at random from the seed, alike in all workers.

    Under FSDP all workers call it together, and only the first reads weights: the others' are not initialised, and
    accelerate sends them their shards."""
    if head:
        torch.manual_seed(settings.seed)
        head = {**head, "ignore_mismatched_sizes": True}  # a head for other labels is replaced by a new one
    if settings.attention != "sdpa":  # transformers' own choice, where a model has it
        head = {**head, "attn_implementation": settings.attention}
    frozen = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    if settings.lora is None or settings.lora.quantize is None:
        dtype = torch.float32 if settings.lora is None else frozen
        once = settings.sharding == "fsdp" and dist.is_initialized() and dist.get_world_size() > 1
        model = load(method.auto, path, dtype, once=once, **head)
        if once:
            allocate(model)
        return model
    from transformers import BitsAndBytesConfig

    return getattr(transformers, method.auto).from_pretrained(
        path,
        dtype=frozen,
        **head,
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=frozen
        ),
        device_map={"": "cpu" if on_cpu else torch.cuda.current_device()},
    )


def repeated_blocks(student_path: str, method: TrainingMethod) -> list[str]:
    """Classes of the model's repeated blocks, which FSDP shards one by one. Encoders also list their embeddings among
    the unsplittable modules, but those are sharded separately."""
    from accelerate import init_empty_weights

    with init_empty_weights():
        model = getattr(transformers, method.auto).from_config(AutoConfig.from_pretrained(student_path))
    stacked = {type(module[0]).__name__ for module in model.modules() if _is_stack(module)}
    return sorted(stacked & set(model._no_split_modules or ()) or stacked)


def _is_stack(module: torch.nn.Module) -> bool:
    """Whether it is a list of blocks of one class, the form of encoder layers that name no block class."""
    return isinstance(module, torch.nn.ModuleList) and len(module) > 0 and len({type(block) for block in module}) == 1


def adapters(settings: TrainSettings, method: TrainingMethod) -> Any:
    """peft's settings of the adapters to train, or None."""
    if settings.lora is None:
        return None
    from peft import LoraConfig

    lora = settings.lora
    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        task_type=method.adapter_task,
    )


def leave_inputs_to_autocast(model: torch.nn.Module) -> None:
    """Keeps adapters from making fp32 copies of their inputs where autocast rounds them to its precision anyway: such
    a copy is as large as what an MLP keeps, and each adapter makes one."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for layer in model.modules():
        if isinstance(layer, BaseTunerLayer):
            layer._cast_input_dtype = MethodType(_cast_outside_autocast, layer)


def _cast_outside_autocast(layer: Any, inputs: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    if inputs is not None and torch.is_autocast_enabled(inputs.device.type):
        return inputs
    return type(layer)._cast_input_dtype(layer, inputs, dtype)
