"""The result of a training: one plain Hugging Face checkpoint that transformers and vLLM load.

Weights are gathered from all workers and written by the first, in the precision of the checkpoint that the training
began with; the tokenizer's files are copied, since a tokenizer that is loaded and saved again may come back with other
ids. Only the stop token is declared in them where the student was taught a new one, and what older readers look for.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from distilray.checkpoints import CHECKPOINT_KEY, TOKENIZER_FILES, make_portable
from distilray.storage import upload
from distilray.train.distributed import sharding
from distilray.train.loop.stops import declare_trained_stop
from distilray.train.loop.weights import SHARD_SIZE, gathered_weights, merge_adapters
from distilray.train.spec import Job


def export_student(trainer: Any, job: Job, place: str) -> None:
    """Publishes the student as it is now at ``place`` in the store; all workers call it together."""
    weights = gathered_weights(trainer, dtype_of(job.student_path))
    if trainer.is_world_process_zero():
        folder = os.path.join(job.scratch, f"export-{time.time_ns()}")
        write_checkpoint(trainer, weights, job, folder)
        upload(job.store, folder, place)
        shutil.rmtree(folder)


def write_checkpoint(trainer: Any, weights: dict[str, torch.Tensor], job: Job, folder: str) -> None:
    """Writes the trained student into the local ``folder``; merged, if it was trained with adapters."""
    lora, student_path = job.settings.lora, job.student_path
    model = trainer.accelerator.unwrap_model(trainer.model)
    dtype = dtype_of(student_path)
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
    make_portable(folder)
    for path in Path(folder).rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors makes its files unreadable for other users, servers included


def _write_model(model: Any, weights: dict[str, torch.Tensor], dtype: torch.dtype, folder: str) -> None:
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = True
    # Shared weights (a head tied to the embedding) were gathered once for each name.
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    weights = {name: tensor for name, tensor in weights.items() if tied.get(name) not in weights}
    model.save_pretrained(folder, state_dict=weights, max_shard_size=SHARD_SIZE)
    model.config.dtype = dtype  # not that of the masters, which save_pretrained writes
    model.config.save_pretrained(folder)


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
            student_path, dtype=dtype, **head, **({"ignore_mismatched_sizes": True} if head else {})
        )
    if hasattr(config, CHECKPOINT_KEY):
        setattr(base.config, CHECKPOINT_KEY, getattr(config, CHECKPOINT_KEY))
    merged = merge_adapters(PeftModel.from_pretrained(base, adapter), dtype)
    _write_model(merged, {k: v.contiguous() for k, v in merged.state_dict().items()}, dtype, folder)


def dtype_of(student_path: str) -> torch.dtype:
    """The precision of the checkpoint at ``student_path``, by its config."""
    config = json.loads((Path(student_path) / "config.json").read_text("utf-8"))
    return getattr(torch, config.get("dtype") or config.get("torch_dtype") or "float32")
