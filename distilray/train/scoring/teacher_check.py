"""Whether a teacher's engines compute what the trainer would: tested on a few rows, before any is scored.

Every replica is asked for its log-probabilities of the same tokens, and the trainer's own forward pass gives them too:

    row        tokens  trainer            teacher/0          teacher/1
    tiny:3         41  -0.31 -2.07 ...    -0.31 -2.07 ...    -9.40 -8.11 ...    <- another copy of the weights

An engine with other weights, positions, precision or kernels than the rest distils something else, without any error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from distilray.checkpoints import known_config
from distilray.models import ModelError, PoolClient, PoolHandles, ScoreRequest, VLLMModel
from distilray.runner import UnitAsker, ask_units
from distilray.storage import Store
from distilray.train.errors import CannotTrain
from distilray.train.scoring.forward_pass import ProbeRow, forward_log_probs
from distilray.train.scoring.scores import token_rows, trained_positions
from distilray.train.settings import IGNORED
from distilray.train.spec import TrainingSpec

ROWS = 4
"""Rows that are asked about: the longest of the first token file, and its first ones."""
LENGTH = 1024
"""Tokens of a row that are read: a whole vocabulary's logits are held for each."""
TOLERANCE = {"float32": 0.01}
TOLERANCE_16_BITS = 0.1
"""Mean difference in nats per token that a row may have. Engines and trainers round differently: with 16 bits by
hundredths of a nat on most tokens, and by tenths on unlikely ones."""
LOAD_S = 1800.0
"""How long the trainer's pass may take to be placed and to load the teacher."""
TRAINER = "the trainer's forward pass"

logger = logging.getLogger(__name__)


class Replicas(msgspec.Struct):
    """What each replica gave: log-probabilities of each row, or why there are none."""

    log_probs: dict[str, list[list[float] | str]]


def probe_rows(store: Store, tokens: Sequence[str]) -> list[ProbeRow]:
    """The rows to ask about, from the first of the token files ``tokens`` that has any."""
    for path in tokens:
        if rows := token_rows(store, path):
            longest = max(rows, key=lambda row: len(row["input_ids"]))
            first = [row for row in rows if row is not longest][: ROWS - 1]
            return [_probe(row) for row in (longest, *first)]
    return []


def _probe(row: Mapping[str, Any]) -> ProbeRow:
    """The start of a row, at its trained tokens; at all where the prompt alone is longer."""
    tokens, labels = row["input_ids"][:LENGTH], row["labels"][:LENGTH]
    positions = trained_positions(labels) or trained_positions([0 if label == IGNORED else label for label in labels])
    return ProbeRow(row["id"], tokens, positions)


def trainer_pass(teacher: VLLMModel, rows: Sequence[ProbeRow]) -> tuple[str | None, list[list[float]] | None]:
    """The trainer's log-probabilities of ``rows`` and the type of its weights, computed where an engine would run,
    before there are any: its resources are free again then. None where transformers cannot load the teacher alone:
    weights that are quantised, or spread over nodes."""
    import ray

    if teacher.spread or (known_config(teacher.path) or {}).get("quantization_config"):
        logger.warning("%s is compared with its own replicas only: it is quantised or spread over nodes", teacher.path)
        return None, None
    remote = ray.remote(num_cpus=teacher.cpus, num_gpus=teacher.gpus, max_retries=1)(forward_log_probs)
    asked = remote.remote(teacher.path, teacher.dtype, rows)
    try:
        return ray.get(asked, timeout=LOAD_S)
    except ray.exceptions.GetTimeoutError as error:
        ray.cancel(asked, force=True)
        raise CannotTrain(
            f"{teacher.path} was not loaded by transformers within {LOAD_S:g} s; free the resources of one engine "
            f"(cpus {teacher.cpus:g}, gpus {teacher.gpus:g}), or look at the checkpoint"
        ) from error


def tested_path(out: str, name: str) -> str:
    """Of the record that the teacher ``name`` of the training in ``out`` was tested."""
    return f"{out}/teacher-{name}.json"


def tolerance_of(dtype: str | None) -> float:
    """Nats per token that weights of this type may differ by; None: a type that is not known."""
    return TOLERANCE.get(dtype or "", TOLERANCE_16_BITS)


def check_replicas(
    spec: TrainingSpec,
    name: str,
    handles: PoolHandles,
    rows: Sequence[ProbeRow],
    expected: tuple[str | None, list[list[float]] | None],
) -> dict[str, float]:
    """Asks every replica of the teacher ``name`` about ``rows`` and compares them with each other and with
    ``expected`` (of :func:`trainer_pass`). Returns each one's largest mean difference in nats per token.

    Raises :class:`CannotTrain` with the replica and the row that disagree.
    """
    ((_, replicas),) = ask_units(ReplicaAsker, Replicas, spec.store, name, handles, {"": ""}, rows)
    dtype, by_trainer = expected
    tolerance = tolerance_of(dtype)
    differences, problems = compare(rows, replicas.log_probs, by_trainer, tolerance)
    if problems:
        raise CannotTrain(
            f"train {spec.settings.name!r}: the teacher {name!r} ({spec.models[name].path}) was tested on {len(rows)} "
            f"rows before it is learned from: {'; '.join(problems)}. At most {tolerance:g} nats per token may differ. "
            "Compare the checkpoint's files on the replicas' nodes, and its dtype and engine settings"
        )
    return differences


def compare(
    rows: Sequence[ProbeRow],
    replicas: Mapping[str, Sequence[Sequence[float] | str]],
    by_trainer: Sequence[Sequence[float]] | None,
    tolerance: float,
    *,
    against: str = TRAINER,
) -> tuple[dict[str, float], list[str]]:
    """The largest mean difference of each replica in nats per token, and what is beyond ``tolerance``; ``against``
    names whose values ``by_trainer`` are.

    Without the trainer's values a replica is compared with the median of all; with only two of them, both are named.
    """
    problems, worst = [], dict.fromkeys(replicas, 0.0)
    for k, row in enumerate(rows):
        given = {name: np.array(found[k]) for name, found in replicas.items() if not isinstance(found[k], str)}
        problems += [f"{name} gives nothing for row {row.id!r}: {found[k]}" for name, found in replicas.items()
                     if isinstance(found[k], str)]  # fmt: skip
        if not given:
            continue
        right = np.array(by_trainer[k]) if by_trainer else np.median(list(given.values()), axis=0)
        other = against if by_trainer else "the median of all replicas"
        for name, values in given.items():
            apart = np.abs(values - right)
            difference = float(apart.mean())
            worst[name] = max(worst[name], difference)
            if not difference <= tolerance:
                place = int(apart.argmax())
                problems.append(
                    f"{name} differs from {other} by {difference:.3g} nats per token in row {row.id!r}, most at token "
                    f"{row.positions[place]} ({values[place]:.4g} against {right[place]:.4g})"
                )
    return worst, problems


class ReplicaAsker(UnitAsker):
    """Asks every replica of a pool by itself about the same rows."""

    def prepare(self, rows: Sequence[ProbeRow]) -> None:
        self.rows = rows

    async def unit(self, path: str, key: str) -> Replicas:
        pool = self.handles.pools[self.model]
        names = [engine.name for engine in pool.engines]
        pools = [replace(pool, engines=(one,), roster=None) for one in pool.engines]
        alone = [PoolHandles(self.handles.run, {self.model: one}) for one in pools]
        found = await asyncio.gather(*[self._replica(handles) for handles in alone])
        return Replicas(dict(zip(names, found, strict=True)))

    async def _replica(self, handles: PoolHandles) -> list[list[float] | str]:
        async with PoolClient(handles) as client:
            return [await self._row(client, row) for row in self.rows]

    async def _row(self, client: PoolClient, row: ProbeRow) -> list[float] | str:
        try:
            [reply] = await client.ask(self.model, ScoreRequest(row.tokens, row.positions, row.id))
        except ModelError as error:
            return f"{type(error).__name__}: {error}"
        return reply.scores.own_log_probs().tolist()
