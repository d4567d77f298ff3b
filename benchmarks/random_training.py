"""Trainings of random weights on random rows, by the trainer that a recipe's training runs, for benchmarks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

GIB = 2**30


def resident(field: str) -> int:
    """``VmRSS`` or, the most since it was last reset, ``VmHWM`` of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


def build(config: dict[str, Any], settings: Any, resources: Any, steps: int, lengths: list[int] | None = None) -> Any:
    """The trainer that a recipe's training runs, with a student of random weights and random rows, of full length or,
    step by step, of ``lengths``."""
    import numpy as np
    import torch
    from accelerate import PartialState
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

    from distilray.models import VLLMModel
    from distilray.storage import Store
    from distilray.train import method_named
    from distilray.train.data.training_data import TrainingData
    from distilray.train.distributed import cpu, sharding
    from distilray.train.loop.arguments import common_arguments
    from distilray.train.loop.compiling import compile_blocks
    from distilray.train.loop.context import WorkerContext
    from distilray.train.loop.student import adapters
    from distilray.train.spec import Job
    from tests.support.checkpoints import make_tokenizer

    PartialState._reset_state()
    folder, on_cpu = tempfile.mkdtemp(), resources.gpus_per_worker == 0
    tokenizer, method = make_tokenizer(), method_named(settings.kind)
    made = Qwen2Config(**{key: value for key, value in config.items() if key != "model_type"})
    made.save_pretrained(folder)
    names = method.costs(settings).beside
    if names:  # of the student's shape; a reference is read from where the student lies
        save_whole(Qwen2ForCausalLM(made), folder)
    others = {name: VLLMModel(path=folder) for name in names}
    job = Job(
        store=Store(folder), out="out", method=method, settings=settings, student_path=folder, resources=resources,
        models=others, tokens=[], board=None, token="memory",  # type: ignore[arg-type]
    )  # fmt: skip
    arguments = common_arguments(job, steps, on_cpu)
    arguments |= {"output_dir": folder, "save_strategy": "no", "logging_strategy": "no"}
    arguments = method.arguments(settings, arguments)
    sharding.keep_precision(arguments, settings)
    if on_cpu:
        cpu.before_trainer(settings.sharding, resources.workers)
    random = np.random.default_rng(0)
    each = [size for size in lengths or [settings.max_length] * steps for _ in range(settings.batch_size)]
    rows, numbers = len(each), [random.integers(0, 300, size).tolist() for size in each]
    if settings.kind == "dpo":
        said = [row[4:] for row in numbers]
        columns = {"prompt_ids": [row[:4] for row in numbers], "chosen_ids": said, "rejected_ids": said[::-1]}
    else:
        columns = {"input_ids": numbers, "labels": numbers}
    data = Dataset.from_dict({**columns, "id": [str(k) for k in range(rows)]})
    frozen = settings.lora is not None and settings.precision == "bf16"
    with torch.device("cpu" if on_cpu else "cuda"):
        model = AutoModelForCausalLM.from_config(made, dtype=torch.bfloat16 if frozen else torch.float32)
    if settings.compile:
        compile_blocks(model, ["Qwen2DecoderLayer"])
    feed = TrainingData(folder, data, None, np.asarray(each))
    return method.trainer(
        WorkerContext(job, arguments, model, tokenizer, feed, np.arange(rows), adapters(settings, method))
    )


def save_whole(model: Any, folder: str) -> None:
    """In every process: transformers' own way lets the first of them write."""
    from safetensors.torch import save_model

    save_model(model, f"{folder}/model.safetensors", metadata={"format": "pt"})
