"""One layer as wide as those of Qwen2.5-32B, 0.53 B parameters, through load, wrap, one step, checkpoint and export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from distilray.checkpoints import read_student
from distilray.checkpoints.published import QWEN2_5
from distilray.storage import Store
from distilray.train import SFTSettings, TrainResources, files_plan, memory_plan, prepare_tokens, read_metrics
from distilray.train.launch.launcher import launch
from distilray.train.memory.estimate import GIB
from distilray.train.memory.shape import Shape
from tests.support.checkpoints import make_tokenizer, random_qwen2, save
from tests.support.specs import SHORT, spec_of
from tests.support.tiny import rows, write_units

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("ray_cluster")]

OUT = "training/wide"
WORKERS = {"fsdp": 2, "zero3": 1}
"""Two workers under ZeRO-3 take 17 GB, too much for a machine of 24 GiB that does anything else."""
WIDE = {
    **{name: value for name, value in QWEN2_5["32B"].items() if name != "model_type"},
    "num_hidden_layers": 1, "vocab_size": 4096, "max_position_embeddings": 1024,
}  # fmt: skip


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The student, in bf16 as published ones are."""
    tokenizer = make_tokenizer()
    model = random_qwen2(tokenizer, **WIDE).to(torch.bfloat16)
    return save(tmp_path_factory.mktemp("wide"), model, tokenizer)


@pytest.mark.parametrize("sharding", ["fsdp", "zero3"])
def test_a_layer_of_32b_takes_a_step_and_is_saved(wide: str, tmp_path: Path, sharding: str) -> None:
    changes: dict[str, Any] = {
        "max_steps": 1, "save_every": 1, "batch_size": 2, "micro_batch_size": 1, "warmup": 0, "learning_rate": 1e-3,
    }  # fmt: skip
    chosen = SFTSettings.model_validate({**SHORT, **changes, "sharding": sharding, "precision": "bf16"})
    store, used = Store(tmp_path), TrainResources(workers=WORKERS[sharding], cpus_per_worker=0.5)
    spec = spec_of(store, chosen, wide, OUT, resources=used)
    launch(spec, prepare_tokens(spec, write_units(store, rows(16))).paths)

    config = read_student(wide).config
    (record,) = read_metrics(store, OUT)
    assert record["workers"] == used.workers and record["loss"] > 0 and record["grad_norm"] > 0

    plan = files_plan(config, chosen, used, 1e9)
    written = sum(file.stat().st_size for file in (tmp_path / OUT / "checkpoints" / "step-00000001").rglob("*"))
    assert written == pytest.approx(plan.checkpoint, rel=0.01)
    assert record["memory_gib"] < (memory_plan(config, chosen, used).total + 4 * Shape.of(config).parameters) / GIB

    before, after = (load_file(Path(folder, "model.safetensors")) for folder in (wide, tmp_path / OUT / "final"))
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in after.items()} == {
        name: (tensor.shape, tensor.dtype) for name, tensor in before.items()
    }
    assert not torch.equal(before["lm_head.weight"], after["lm_head.weight"])
    assert sum(file.stat().st_size for file in (tmp_path / OUT / "final").glob("*.safetensors")) == pytest.approx(
        plan.export, rel=0.001
    )
