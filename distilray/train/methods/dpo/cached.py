"""The reference's log-probabilities, computed once and kept: one file beside each token file, keyed by row id.

    <training>/tokens/unit-000000.parquet       id, prompt_ids, chosen_ids, rejected_ids, ...
    <training>/reference/unit-000000.parquet    id, reference_chosen, reference_rejected: one number a token

Whoever computes them (the training's workers, or engines) writes the same files; one that is there already, made of
the same tokens, is not made again, so a killed training goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
import torch.distributed as dist

from distilray.storage import Store
from distilray.train.data.tokens import COUNTS_KEY
from distilray.train.errors import CannotTrain, StopTraining
from distilray.train.launch.job import Job
from distilray.train.methods.dpo.collate import CHOSEN, REJECTED, PairCollator
from distilray.train.methods.dpo.reference import load_reference, token_log_probs
from distilray.train.settings import accumulation

NUMBERS = pa.list_(pa.float32())
SCHEMA = pa.schema([("id", pa.string()), (CHOSEN, NUMBERS), (REJECTED, NUMBERS)])
MADE_OF = b"distilray.tokens"

Pair = tuple[Sequence[float], Sequence[float]]
"""Log-probabilities of the tokens of the chosen and of the rejected completion."""


def reference_path(tokens: str) -> str:
    folder, _, name = tokens.rpartition("/")
    return f"{folder.rpartition('/')[0]}/reference/{name}"


def write_reference(store: Store, tokens: str, pairs: Mapping[str, Pair]) -> None:
    """Writes the file beside the token file ``tokens``. Raises :class:`CannotTrain` where a number is not finite."""
    broken = [row for row, pair in pairs.items() if not all(np.isfinite(some).all() for some in pair)]
    if broken:
        raise CannotTrain(
            f"the reference's log-probabilities of {len(broken)} rows are not finite: {', '.join(broken[:5])}; "
            "look at these rows, or at the reference's weights"
        )
    columns = [list(pairs), [pair[0] for pair in pairs.values()], [pair[1] for pair in pairs.values()]]
    table = pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, SCHEMA, compression="zstd") as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({MADE_OF: _key(store, tokens)})
    store.write(reference_path(tokens), sink.getvalue())


def missing(store: Store, tokens: Sequence[str]) -> list[str]:
    """Those of the token files ``tokens`` beside which there is no file made of them."""
    return [path for path in tokens if not _made(store, path)]


def join_reference(store: Store, tokens: str, rows: pa.Table) -> pa.Table:
    """``rows`` (the kept ones of ``tokens``) with the reference's log-probabilities of their completions."""
    with store.open_input(reference_path(tokens)) as file:
        table = pq.read_table(file)
    places = pc.index_in(rows["id"], table["id"])
    if places.null_count:
        row = rows["id"][places.combine_chunks().is_null().index(True).as_py()].as_py()
        raise CannotTrain(f"row {row!r} has no reference log-probabilities in {reference_path(tokens)}")
    for name in (CHOSEN, REJECTED):
        rows = rows.append_column(pa.field(name, NUMBERS), table[name].take(places))
    return rows


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
    """Why the file beside ``path`` cannot be written; None where it is."""
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


def read_pairs(store: Store, tokens: str) -> pa.Table:
    """The kept rows of a token file of pairs."""
    with store.open_input(tokens) as file:
        return pq.read_table(file, filters=pc.field("outcome") == "kept")


def _score_file(job: Job, model: torch.nn.Module, device: torch.device, rows: pa.Table) -> dict[str, Pair]:
    """In the first worker, all rows' pairs; others get their own share."""
    rank, world = dist.get_rank(), dist.get_world_size()
    size, _ = accumulation(job.settings, world)
    collate = PairCollator(0, job.settings.beta, row_beta=False)  # padding is masked, whatever it is
    by_length = np.argsort(rows["length"].to_numpy(), kind="stable")
    own: dict[str, Pair] = {}
    for start in range(0, len(by_length), size * world):
        some = by_length[start : start + size * world][rank::world]
        # All workers go through a sharded model together, so one without rows of its own takes another's along.
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


def _key(store: Store, tokens: str) -> bytes:
    with store.open_input(tokens) as file:
        return msgspec.json.encode(msgspec.json.decode(pq.read_metadata(file).metadata[COUNTS_KEY])["key"])


def _made(store: Store, tokens: str) -> bool:
    path = reference_path(tokens)
    if not store.exists(path):
        return False
    with store.open_input(path) as file:
        return pq.read_metadata(file).metadata.get(MADE_OF) == _key(store, tokens)
