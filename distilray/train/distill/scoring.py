"""The teachers read the training's tokens: Ray Data hands token files to scorers, which ask a pool of engines.

As in a phase, only names of files pass through the driver: one token file in, one file of scores out, and what is
there already is not asked again.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from distilray.ledger import Store, fingerprint
from distilray.models import EnginePools, ModelError, PoolClient, PoolHandles, Request, Sampling, Score, VLLMModel
from distilray.train.distill.scores import (
    ScoreCounts,
    counts_of,
    failed_row,
    scored_row,
    scores_path,
    token_rows,
    trained_positions,
    write_scores,
)
from distilray.train.distill.settings import DistillSettings
from distilray.train.errors import CannotTrain
from distilray.train.student import local_student

SCORER_CPUS = 0.25
NAMED = 5
"""Rows that an error names."""


@dataclass(frozen=True)
class Engines:
    """Where the driver's engines belong: ``run`` is the run's id, ``logs`` a directory for what they print."""

    run: str
    logs: str | None = None


def check_teachers(settings: DistillSettings, models: Mapping[str, VLLMModel], student_path: str) -> None:
    """Raises :class:`CannotTrain` unless every teacher has the student's tokenizer."""
    student, mine = local_student(student_path), None
    for name in settings.weights:
        path = models[name].path
        theirs = vocabulary(local_student(path))
        mine = mine or vocabulary(student)
        if theirs.hash == mine.hash:
            continue
        other = [token for token, number in mine.ids.items() if theirs.ids.get(token) != number]
        other = other or sorted(set(theirs.ids) - set(mine.ids))
        shown = ", ".join(f"{token!r} ({mine.ids.get(token)}, {theirs.ids.get(token)})" for token in other[:NAMED])
        raise CannotTrain(
            f"train {settings.name!r}: the teacher {name!r} ({path}) has another tokenizer than the student: "
            f"{len(other)} tokens have other ids (student's, teacher's): {shown}. Distillation compares token by "
            "token: take a teacher of the student's family, or train on its answers instead (kind: sft)"
        )


@dataclass(frozen=True)
class Vocabulary:
    ids: Mapping[str, int]
    hash: str


@lru_cache(maxsize=8)
def vocabulary(path: str) -> Vocabulary:
    """Token to id of the tokenizer in the folder ``path``, and a hash of that."""
    from transformers import AutoTokenizer

    ids = dict(sorted(AutoTokenizer.from_pretrained(path).get_vocab().items()))
    return Vocabulary(ids, fingerprint(list(ids.items())))


def score_tokens(
    store: Store,
    paths: Sequence[str],
    longest: int,
    settings: DistillSettings,
    models: Mapping[str, VLLMModel],
    engines: Engines,
) -> None:
    """Leaves the scores of each token file in ``paths`` by each teacher beside it (see :func:`scores_path`).

    ``longest``: tokens of the longest row. Raises :class:`CannotTrain` with the rows that a teacher cannot score.
    """
    assert settings.top_k is not None
    for name in settings.weights:
        teacher = models[name].scoring(settings.top_k)
        keys = {path: fingerprint([teacher.weights_id(), settings.top_k, store_key(store, path)]) for path in paths}
        counts = {path: counts_of(store, scores_path(path, name), key) for path, key in keys.items()}
        missing = [path for path, found in counts.items() if found is None]
        if missing:
            with EnginePools(engines.run, engines.logs) as pools:
                handles = pools.start({name: teacher})
                context = handles.pools[name].info.context
                if longest >= context:
                    raise CannotTrain(
                        f"train {settings.name!r}: the longest row has {longest} tokens, but the teacher {name!r} "
                        f"reads {context - 1}; raise its max_model_len to {longest + 1} or lower max_length"
                    )
                for path, found in on_pool(store, name, settings.top_k, handles, {p: keys[p] for p in missing}):
                    counts[path] = found
        _refuse_missing(settings, name, [found for found in counts.values() if found is not None])


def store_key(store: Store, path: str) -> str:
    """What a token file was made of; another file, another key."""
    import pyarrow.parquet as pq

    with store.open_input(path) as file:
        return fingerprint([sorted((pq.read_metadata(file).metadata or {}).items(), key=lambda item: item[0])])


def on_pool(
    store: Store, teacher: str, top_k: int, handles: PoolHandles, keys: Mapping[str, str]
) -> list[tuple[str, ScoreCounts]]:
    """Scores the token files in ``keys`` (to the mark of how they were made) with the pool of ``teacher``."""
    import ray.data
    from ray.data import ActorPoolStrategy, DataContext

    data = DataContext.get_current()
    data.enable_progress_bars = False
    data.print_on_execution_start = False
    units = [{"path": path, "key": key} for path, key in keys.items()]
    scored = ray.data.from_items(units, override_num_blocks=len(units)).map_batches(
        Scorer,
        fn_constructor_args=(store, teacher, top_k, handles),
        batch_size=1,
        compute=ActorPoolStrategy(size=1, max_tasks_in_flight_per_actor=3, max_concurrent_calls_per_actor=2),
        num_cpus=SCORER_CPUS,
    )
    return [(result["path"], msgspec.json.decode(result["counts"], type=ScoreCounts)) for result in scored.iter_rows()]


class Scorer:
    """Scores one token file after another; a file's rows are asked for all at once, as many as keep the pool full."""

    def __init__(self, store: Store, teacher: str, top_k: int, handles: PoolHandles) -> None:
        self.store, self.teacher, self.top_k, self.handles = store, teacher, top_k, handles
        pool = handles.pools[teacher].settings
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True, name="scorer").start()
        self.client, self.gate = asyncio.run_coroutine_threadsafe(
            self._open(int(1.5 * pool.replicas * pool.concurrency) + 1), self.loop
        ).result()

    async def _open(self, rows: int) -> tuple[PoolClient, asyncio.Semaphore]:
        return PoolClient(self.handles), asyncio.Semaphore(rows)

    async def __call__(self, batch: Mapping[str, Any]) -> AsyncIterator[dict[str, list[Any]]]:
        for path, key in zip(batch["path"], batch["key"], strict=True):
            work = asyncio.run_coroutine_threadsafe(self._unit(str(path), str(key)), self.loop)
            counts = await asyncio.wrap_future(work)
            yield {"path": [path], "counts": [msgspec.json.encode(counts)]}

    async def _unit(self, path: str, key: str) -> ScoreCounts:
        rows = await asyncio.to_thread(token_rows, self.store, path)
        scored = await asyncio.gather(*[self._row(row) for row in rows])
        failed = [row for row in scored if row["outcome"] == "failed"]
        counts = ScoreCounts(
            kept=len(scored) - len(failed),
            failed=len(failed),
            tokens=sum(len(row["positions"]) for row in scored if row["outcome"] == "kept"),
            missing=[f"{row['id']} ({row['reason']})" for row in failed[:NAMED]],
        )
        await asyncio.to_thread(write_scores, self.store, scores_path(path, self.teacher), scored, key, counts)
        return counts

    async def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        positions = trained_positions(row["labels"])
        request = Request([], _SAMPLING, 0, row["id"], tokens=row["input_ids"], score=Score(self.top_k, positions))
        async with self.gate:
            try:
                [reply] = await self.client.ask(self.teacher, request)
            except ModelError as error:
                return failed_row(row["id"], f"{type(error).__name__}: {error}")
        assert reply.scores is not None
        return scored_row(row["id"], positions, reply.scores)


_SAMPLING = Sampling(max_tokens=1)


def _refuse_missing(settings: DistillSettings, teacher: str, counts: Sequence[ScoreCounts]) -> None:
    failed = sum(found.failed for found in counts)
    if failed:
        named = "; ".join([row for found in counts for row in found.missing][:NAMED])
        raise CannotTrain(
            f"train {settings.name!r}: the teacher {teacher!r} did not score {failed} rows: {named}. Mend the cause, "
            f"delete {os.path.join('training', settings.name, 'scores', teacher)} in the run, and run it again"
        )
