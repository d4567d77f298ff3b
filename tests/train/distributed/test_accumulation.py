"""Steps of several micro batches under FSDP2: no worker holds whole gradients between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as mp
from datasets import Dataset
from torch.distributed.tensor import DTensor
from transformers import Qwen2Config, Qwen2ForCausalLM, Trainer, TrainerCallback, TrainingArguments

from distilray.train import SFTSettings
from distilray.train.distributed import cpu, sharding
from tests.support.ports import free_port
from tests.support.ranks import one_of


class Between(TrainerCallback):
    """After every micro batch but a step's last: whether each gradient is there, and each worker's a shard of it."""

    def __init__(self) -> None:
        self.sharded: list[bool] = []

    def on_substep_end(self, *_: Any, model: Any = None, **__: Any) -> None:
        self.sharded.append(all(isinstance(parameter.grad, DTensor) for parameter in model.parameters()))


def accumulate(rank: int, port: int, folder: str) -> None:
    with one_of(2, rank, port):
        settings = SFTSettings.model_validate({"student": "s", "max_steps": 1, "precision": "fp32"})
        arguments = TrainingArguments(
            folder, max_steps=1, per_device_train_batch_size=1, gradient_accumulation_steps=3, use_cpu=True,
            report_to="none", save_strategy="no", disable_tqdm=True,
            **sharding.arguments(settings, 2, ["Qwen2DecoderLayer"]),
        )  # fmt: skip
        cpu.before_trainer("fsdp", 2)
        torch.manual_seed(0)
        config = Qwen2Config(
            hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
            vocab_size=50,
        )  # fmt: skip
        rows = [list(range(first, first + 8)) for first in range(6)]
        between = Between()
        data = Dataset.from_dict({"input_ids": rows, "labels": rows})
        trainer = Trainer(Qwen2ForCausalLM(config), arguments, train_dataset=data, callbacks=[between])
        trainer.train()
        assert between.sharded == [True, True]
        Path(folder, f"done-{rank}").touch()


def test_gradients_are_summed_after_every_micro_batch(tmp_path: Path) -> None:
    mp.spawn(accumulate, (free_port(), str(tmp_path)), nprocs=2)  # pyright: ignore[reportPrivateImportUsage]
    assert len(list(tmp_path.glob("done-*"))) == 2
