"""The result of a training: one plain Hugging Face checkpoint that transformers and vLLM load.

Weights are gathered from all workers and written by the first, in the precision of the checkpoint that the training
began with; the tokenizer's files are copied byte for byte, since a tokenizer that is loaded and saved again may come
back with other ids. Only the stop token is declared in them where the student was taught a new one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from distilray.checkpoints import CHECKPOINT_KEY, TOKENIZER_FILES
from distilray.train.distributed import sharding
from distilray.train.loop.stops import declare_trained_stop
from distilray.train.spec import Job


def gathered_weights(trainer: Any) -> dict[str, torch.Tensor]:
    """The whole model's weights on the CPU; all workers must call it; only the first is guaranteed to get them."""
    accelerator = trainer.accelerator
    if trainer.is_fsdp_enabled:
        accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
        return accelerator.get_state_dict(trainer.model)
    wrapped = trainer.model_wrapped if trainer.is_deepspeed_enabled else trainer.model
    return accelerator.get_state_dict(wrapped)


def write_checkpoint(trainer: Any, weights: dict[str, torch.Tensor], job: Job, folder: str) -> None:
    """Writes the trained student into the local ``folder``; merged, if it was trained with adapters."""
    lora, student_path = job.settings.lora, job.student_path
    model = trainer.accelerator.unwrap_model(trainer.model)
    dtype = _dtype_of(student_path)
    weights = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    if lora is None:
        _write_model(model, weights, dtype, folder)
    else:
        model.save_pretrained(folder, state_dict=weights)
        if lora.merge:
            _merge(student_path, folder, dtype, job.method.auto, model.config, job.method.head(job))
    for name in TOKENIZER_FILES:
        source = os.path.join(student_path, name)
        if os.path.isfile(source):
            shutil.copyfile(source, os.path.join(folder, name))
    declare_trained_stop(job, folder)
    for source in Path(student_path).iterdir():  # the student's license goes where its weights go
        if source.is_file() and source.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE")):
            shutil.copyfile(source, os.path.join(folder, source.name))
    for path in Path(folder).rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors makes its files unreadable for other users, servers included


def _write_model(model: Any, weights: dict[str, torch.Tensor], dtype: torch.dtype, folder: str) -> None:
    model.config.dtype = dtype
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = True
    # Shared weights (a head tied to the embedding) were gathered once for each name.
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    weights = {name: tensor for name, tensor in weights.items() if tied.get(name) not in weights}
    model.save_pretrained(folder, state_dict=weights)


def _merge(student_path: str, folder: str, dtype: torch.dtype, auto: str, config: Any, head: Mapping[str, Any]) -> None:
    """Merges the adapter in ``folder`` into the student's weights and writes them there; the adapter stays below it."""
    import transformers
    from peft import PeftModel

    adapter = os.path.join(folder, "adapter")
    os.makedirs(adapter)
    for name in os.listdir(folder):
        if name != "adapter":
            shutil.move(os.path.join(folder, name), os.path.join(adapter, name))
    with sharding.whole():
        base = getattr(transformers, auto).from_pretrained(
            student_path, dtype=torch.float32, **head, **({"ignore_mismatched_sizes": True} if head else {})
        )
    if hasattr(config, CHECKPOINT_KEY):
        setattr(base.config, CHECKPOINT_KEY, getattr(config, CHECKPOINT_KEY))
    merged = PeftModel.from_pretrained(base, adapter).merge_and_unload()
    _write_model(merged.to(dtype), {k: v.contiguous() for k, v in merged.state_dict().items()}, dtype, folder)


def _dtype_of(student_path: str) -> torch.dtype:
    config = json.loads((Path(student_path) / "config.json").read_text("utf-8"))
    return getattr(torch, config.get("dtype") or config.get("torch_dtype") or "float32")
