"""Teachers read a training's tokens through pools of engines; their scores are stored next to the token files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distilray.ledger import fingerprint
from distilray.models import EnginePools, ModelError, PoolHandles, ScoreRequest, VLLMModel
from distilray.runner import UnitAsker, ask_units
from distilray.train.data.tokens import made_of
from distilray.train.errors import CannotTrain
from distilray.train.scoring.scores import (
    ScoreCounts,
    counts_of,
    failed_row,
    scored_row,
    scores_path,
    token_rows,
    trained_positions,
    write_scores,
)
from distilray.train.scoring.teacher_check import check_replicas, probe_rows, tested_path, trainer_pass
from distilray.train.spec import TrainingSpec

NAMED = 5
"""Rows that an error names."""


def score_tokens(spec: TrainingSpec, paths: Sequence[str], longest: int, teachers: Iterable[str], top_k: int) -> None:
    """Writes the scores of each token file in ``paths`` by each of ``teachers`` next to it (see :func:`scores_path`).

    ``longest``: tokens of the longest row. One pool after another is started, tested on a few rows (see
    :mod:`distilray.train.scoring.teacher_check`) and stopped. Raises :class:`CannotTrain` where the test fails, or with
    the rows that a teacher cannot score.
    """
    store, training = spec.store, spec.settings.name
    for name in teachers:
        teacher = spec.models[name].scoring(top_k)
        keys = {path: fingerprint([teacher.weights_id(), top_k, made_of(store, path)]) for path in paths}
        counts = {path: counts_of(store, scores_path(path, name), key) for path, key in keys.items()}
        missing = {path: key for path, key in keys.items() if counts[path] is None}
        if missing:
            rows, expected = _before_engines(spec, name, teacher, paths)
            with EnginePools(spec.engines.run, spec.engines.logs) as pools:
                handles = pools.start({name: teacher}, wait_for_all=True)  # each of them is tested
                _check_context(training, name, handles, longest)
                _check_teacher(spec, name, teacher, handles, rows, expected)
                counts |= dict(ask_units(Scorer, ScoreCounts, store, name, handles, missing, top_k))
        _refuse_missing(training, name, [found for found in counts.values() if found is not None])


def _before_engines(spec: TrainingSpec, name: str, teacher: VLLMModel, paths: Sequence[str]) -> tuple[Any, Any]:
    """Rows to test the teacher on, and what the trainer gives for them; no rows for one that is tested already."""
    place = tested_path(spec.out, name)
    if spec.store.exists(place) and spec.store.read_json(place)["weights"] == teacher.weights_id():
        return [], None
    rows = probe_rows(spec.store, paths)
    return rows, trainer_pass(teacher, rows) if rows else None


def _check_teacher(
    spec: TrainingSpec, name: str, teacher: VLLMModel, handles: PoolHandles, rows: Any, expected: Any
) -> None:
    """Stops unless all replicas agree, and records that they do."""
    if rows:
        found = check_replicas(spec, name, handles, rows, expected)
        tested = {"weights": teacher.weights_id(), "rows": [row.id for row in rows], "nats_per_token": found}
        spec.store.write_json(tested_path(spec.out, name), tested)


def _check_context(training: str, name: str, handles: PoolHandles, longest: int) -> None:
    context = handles.pools[name].info.context
    if longest >= context:
        raise CannotTrain(
            f"train {training!r}: the longest row has {longest} tokens, but the teacher {name!r} reads "
            f"{context - 1}; raise its max_model_len to {longest + 1} or lower max_length"
        )


class Scorer(UnitAsker):
    """Asks a teacher for its likeliest tokens at every trained position."""

    def prepare(self, top_k: int) -> None:
        self.top_k = top_k

    async def unit(self, path: str, key: str) -> ScoreCounts:
        rows = await asyncio.to_thread(token_rows, self.store, path)
        scored = await asyncio.gather(*[self._row(row) for row in rows])
        failed = [row for row in scored if row["outcome"] == "failed"]
        counts = ScoreCounts(
            kept=len(scored) - len(failed),
            failed=len(failed),
            tokens=sum(len(row["positions"]) for row in scored if row["outcome"] == "kept"),
            missing=[f"{row['id']} ({row['reason']})" for row in failed[:NAMED]],
        )
        await asyncio.to_thread(write_scores, self.store, scores_path(path, self.model), scored, key, counts)
        return counts

    async def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        positions = trained_positions(row["labels"])
        request = ScoreRequest(row["input_ids"], positions, row["id"], self.top_k)
        async with self.gate:
            try:
                [reply] = await self.client.ask(self.model, request)
            except ModelError as error:
                return failed_row(row["id"], f"{type(error).__name__}: {error}")
        return scored_row(row["id"], positions, reply.scores)


def _refuse_missing(training: str, teacher: str, counts: Sequence[ScoreCounts]) -> None:
    failed = sum(found.failed for found in counts)
    if failed:
        named = "; ".join([row for found in counts for row in found.missing][:NAMED])
        raise CannotTrain(
            f"train {training!r}: the teacher {teacher!r} did not score {failed} rows: {named}. Fix the cause, "
            f"delete training/{training}/scores/{teacher} in the run, and run it again"
        )
