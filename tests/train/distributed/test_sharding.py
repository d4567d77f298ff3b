"""What the libraries are told of precision, read back from accelerate's own plugin and from DeepSpeed's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from distilray.storage import Store
from distilray.train import SFTSettings, TrainResources
from distilray.train.distributed import sharding
from distilray.train.spec import Job
from tests.support.specs import spec_of


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


def offloaded(tmp_path: Path, **changes: Any) -> bool:
    """Whether FSDP2 is told to keep everything in the host's memory, as accelerate's plugin hands it on."""
    from accelerate import FullyShardedDataParallelPlugin
    from torch.distributed.fsdp import CPUOffloadPolicy
    from transformers import TrainingArguments

    chosen = SFTSettings.model_validate({"student": "s", "epochs": 1, **changes})
    told = sharding.arguments(chosen, 2, ["Qwen2DecoderLayer"])
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, **told)
    plugin = FullyShardedDataParallelPlugin(**arguments.fsdp_plugin_args)
    return isinstance(plugin.cpu_offload, CPUOffloadPolicy)


def test_offload_reaches_fsdp(tmp_path: Path) -> None:
    assert offloaded(tmp_path, offload=True)
    assert not offloaded(tmp_path)


def test_offload_reaches_deepspeed_and_only_where_there_is_another_memory() -> None:
    chosen = SFTSettings.model_validate({"student": "s", "epochs": 1, "sharding": "zero3", "offload": True})
    zero = sharding.arguments(chosen, 2, [])["deepspeed"]["zero_optimization"]
    assert zero["offload_optimizer"] == zero["offload_param"] == {"device": "cpu"}
    zero = sharding.arguments(chosen, 2, [], on_cpu=True)["deepspeed"]["zero_optimization"]
    assert "offload_optimizer" not in zero


def test_workers_with_gpus_reduce_on_both_and_wait_as_long_as_the_recipe_says(student: str, tmp_path: Path) -> None:
    from distilray.train.launch.launcher import _trainer

    resources = TrainResources(workers=2, gpus_per_worker=1, timeout_s=600)
    chosen = SFTSettings.model_validate({"student": "s", "epochs": 1, "offload": True})
    spec = spec_of(Store(tmp_path), chosen, student, resources=resources)
    trainer = _trainer(Job.of(spec, [], board=None))
    assert (trainer.backend_config.backend, trainer.backend_config.timeout_s) == ("cpu:gloo,cuda:nccl", 600)
    variables = trainer.run_config.worker_runtime_env["env_vars"]
    assert variables["PYTORCH_ALLOC_CONF"] == "expandable_segments:True"


@pytest.mark.parametrize("name", ["zero2", "zero3"])
def test_deepspeed_adds_up_in_fp32(name: str) -> None:
    told = sharding.arguments(SFTSettings.model_validate({"student": "s", "epochs": 1, "sharding": name}), 2, [])
    assert told["deepspeed"]["data_types"] == {"grad_accum_dtype": "fp32"}
    assert told["deepspeed"]["communication_data_type"] == "fp32"
