"""Everything that training on CPUs needs in addition to what it needs on GPUs.

* FSDP2: transformers turns ``fsdp`` into DDP when ``use_cpu`` is set, because accelerate calls the distributed type of
  CPU processes MULTI_CPU. FSDP2 itself runs over gloo; setting the type to MULTI_GPU after the arguments and before
  the trainer are created lets accelerate wrap it. :func:`distilray.train.distributed.sharding.assert_sharded` checks
  the result.
* DeepSpeed: accelerate must find an initialised state with gloo, and DeepSpeed's accelerator must be set to the
  CPU; a private folder for torch extensions, since a stale lock in the shared one hangs later runs.
"""

from __future__ import annotations

import os
import tempfile

from distilray.train.settings import Sharding


def worker_environment(sharding: Sharding) -> dict[str, str]:
    """Environment variables that CPU workers must start with."""
    if not sharding.startswith("zero"):
        return {}
    extensions = os.path.join(tempfile.gettempdir(), f"distilray-torch-extensions-{os.getuid()}")
    return {"DS_ACCELERATOR": "cpu", "ACCELERATE_USE_DEEPSPEED": "true", "TORCH_EXTENSIONS_DIR": extensions}


def arguments(sharding: Sharding) -> dict[str, object]:
    """Training arguments that CPU workers need; call it before the arguments are created."""
    if not sharding.startswith("zero"):
        return {"use_cpu": True}
    from accelerate import PartialState

    PartialState(backend="gloo")
    return {"use_cpu": True, "ddp_backend": "gloo", "accelerator_config": {"use_configured_state": True}}


def before_trainer(sharding: Sharding, workers: int) -> None:
    """Call it after the arguments and before the trainer are created."""
    if sharding == "fsdp" and workers > 1:
        from accelerate import PartialState
        from accelerate.utils import DistributedType

        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
