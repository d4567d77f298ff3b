"""What training on CPUs needs beyond what it needs on GPUs; the only place that knows.

* FSDP2: transformers turns ``fsdp`` into DDP when ``use_cpu`` is set, because accelerate calls the distributed type of
  CPU processes MULTI_CPU. FSDP2 itself runs over gloo; naming the type MULTI_GPU after the arguments are made and
  before the trainer is, lets accelerate wrap it. :func:`distilray.train.distributed.sharding.assert_sharded` checks
  the result.
* DeepSpeed: accelerate must find an initialised state with gloo, and DeepSpeed be told that its accelerator is the
  CPU; a private folder for torch extensions, since a stale lock in the shared one hangs later runs.
"""

from __future__ import annotations

import os
import tempfile

from distilray.train.settings import Sharding


def worker_environment(sharding: Sharding) -> dict[str, str]:
    """Environment variables that CPU workers must be born with."""
    if not sharding.startswith("zero"):
        return {}
    extensions = os.path.join(tempfile.gettempdir(), f"distilray-torch-extensions-{os.getuid()}")
    return {"DS_ACCELERATOR": "cpu", "ACCELERATE_USE_DEEPSPEED": "true", "TORCH_EXTENSIONS_DIR": extensions}


def arguments(sharding: Sharding) -> dict[str, object]:
    """Training arguments that CPU workers need; call it before the arguments are made."""
    if not sharding.startswith("zero"):
        return {"use_cpu": True}
    from accelerate import PartialState

    PartialState(backend="gloo")
    return {"use_cpu": True, "ddp_backend": "gloo", "accelerator_config": {"use_configured_state": True}}


def before_trainer(sharding: Sharding, workers: int) -> None:
    """Call it after the arguments are made and before the trainer is."""
    if sharding == "fsdp" and workers > 1:
        from accelerate import PartialState
        from accelerate.utils import DistributedType

        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
