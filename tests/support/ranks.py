"""Process groups over gloo, for tests that run a trainer or a teacher as the workers of a training do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist


@contextmanager
def alone() -> Iterator[None]:
    """A process group of one, as a worker has it."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def one_of(workers: int, worker: int, port: int) -> Iterator[None]:
    """This process, started by ``mp.spawn``, as number ``worker`` of a group whose first process takes ``port``."""
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(worker), "LOCAL_RANK": str(worker),
        "WORLD_SIZE": str(workers),
    }  # fmt: skip
    torch.set_num_threads(1)
    # A file, and no server whose thread one process may leave behind while another one still asks it: that aborts.
    place = Path(tempfile.gettempdir(), f"ranks-{os.getppid()}-{port}")
    store = dist.FileStore(str(place), workers)
    dist.init_process_group("gloo", store=store, rank=worker, world_size=workers)
    yield
    dist.barrier()
    dist.destroy_process_group()
    place.unlink(missing_ok=True)
