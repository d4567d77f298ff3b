"""What the libraries are told of precision, read back from accelerate's own plugin and from DeepSpeed's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from distilray.train import SFTSettings
from distilray.train.distributed import sharding


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """The libraries speak to each other through the environment; none of it stays for other tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def policy(tmp_path: Path, precision: str) -> Any:
    from accelerate import FullyShardedDataParallelPlugin
    from transformers import TrainingArguments

    chosen = SFTSettings.model_validate({"student": "s", "epochs": 1, "precision": precision})
    told = sharding.arguments(chosen, 2, ["Qwen2DecoderLayer"])
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, bf16=precision == "bf16", **told)
    sharding.keep_precision(arguments, chosen)
    plugin = FullyShardedDataParallelPlugin(**arguments.fsdp_plugin_args)
    plugin.set_mixed_precision(precision)  # as accelerate does; it leaves a policy that is there
    return plugin.mixed_precision_policy


def test_fsdp_computes_in_bf16_and_adds_up_in_fp32(tmp_path: Path) -> None:
    told = policy(tmp_path, "bf16")
    assert (told.param_dtype, told.reduce_dtype, told.output_dtype) == (torch.bfloat16, torch.float32, None)
    assert policy(tmp_path, "fp32").param_dtype == torch.float32


@pytest.mark.parametrize("name", ["zero2", "zero3"])
def test_deepspeed_adds_up_in_fp32(name: str) -> None:
    told = sharding.arguments(SFTSettings.model_validate({"student": "s", "epochs": 1, "sharding": name}), 2, [])
    assert told["deepspeed"]["data_types"] == {"grad_accum_dtype": "fp32"}
    assert told["deepspeed"]["communication_data_type"] == "fp32"
