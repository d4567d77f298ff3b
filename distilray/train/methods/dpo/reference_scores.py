"""The training's own workers compute the reference's log-probabilities before the first step; their files are those
of :mod:`distilray.train.scoring.references`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import torch
import torch.distributed as dist

from distilray.storage import Store
from distilray.train.errors import CannotTrain, StopTraining
from distilray.train.methods.dpo.collate import PairCollator
from distilray.train.methods.dpo.reference import load_reference, token_log_probs
from distilray.train.scoring.references import Pair, missing, read_pairs, write_reference
from distilray.train.settings import accumulation
from distilray.train.spec import Job


def score_by_workers(job: Job) -> None:
    """Computes what is missing, all workers together: each asks the (sharded) reference about its share of the rows."""
    todo: list = [missing(job.store, job.tokens) if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(todo)
    if not todo[0]:
        return
    device = _device(job)
    model = load_reference(job, device)
    for path in todo[0]:
        pairs = _score_file(job, model, device, read_pairs(job.store, path))
        wrong: list = [_written(job.store, path, pairs) if dist.get_rank() == 0 else None]
        dist.broadcast_object_list(wrong)
        if wrong[0] is not None:
            raise StopTraining(wrong[0])
    del model
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _written(store: Store, path: str, pairs: Mapping[str, Pair]) -> str | None:
    """Why the file for ``path`` cannot be written; None where it is."""
    try:
        write_reference(store, path, pairs)
    except CannotTrain as error:
        return str(error)
    return None


def _device(job: Job) -> torch.device:
    if job.resources.gpus_per_worker == 0:
        return torch.device("cpu")
    import ray.train.torch

    return ray.train.torch.get_device()


def _score_file(job: Job, model: torch.nn.Module, device: torch.device, rows: pa.Table) -> dict[str, Pair]:
    """In the first worker, all rows' pairs; others get their own share."""
    rank, world = dist.get_rank(), dist.get_world_size()
    size, _ = accumulation(job.settings, world)
    collate = PairCollator(0, job.settings.beta, row_beta=False)  # padding is masked, whatever it is
    by_length = np.argsort(rows["length"].to_numpy(), kind="stable")
    own: dict[str, Pair] = {}
    for start in range(0, len(by_length), size * world):
        some = by_length[start : start + size * world][rank::world]
        # All workers run a sharded model together, so one without rows of its own reuses another's.
        taken = rows.take(some if len(some) else by_length[:1]).to_pylist()
        batch = {name: values.to(device) for name, values in collate(taken).items()}
        found = token_log_probs(model, batch, job.settings).cpu().numpy()
        for k, row in enumerate(taken if len(some) else []):
            begin = len(row["prompt_ids"]) - 1
            chosen = found[k, begin : begin + len(row["chosen_ids"])]
            own[row["id"]] = (chosen, found[k + len(taken), begin : begin + len(row["rejected_ids"])])
    everybody: list = [None] * world
    dist.gather_object(own, everybody if rank == 0 else None)
    return {row: pair for some in everybody if some for row, pair in some.items()}
