"""Teachers read a training's tokens through pools of engines, and leave their scores beside the token files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from distilray.ledger import fingerprint
from distilray.models import EnginePools, ModelError, PoolHandles, Request, Sampling, Score, VLLMModel
from distilray.storage import Store
from distilray.train.data.tokens import made_of
from distilray.train.errors import CannotTrain
from distilray.train.methods.base import Engines
from distilray.train.methods.distill.settings import DistillSettings
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
from distilray.train.scoring.units import Asker, ask_about

NAMED = 5
"""Rows that an error names."""


def score_tokens(
    store: Store,
    paths: Sequence[str],
    longest: int,
    settings: DistillSettings,
    models: Mapping[str, VLLMModel],
    engines: Engines,
) -> None:
    """Leaves the scores of each token file in ``paths`` by each teacher beside it (see :func:`scores_path`).

    ``longest``: tokens of the longest row. One pool after another is started and stopped. Raises :class:`CannotTrain`
    with the rows that a teacher cannot score.
    """
    assert settings.top_k is not None
    for name in settings.weights:
        teacher = models[name].scoring(settings.top_k)
        keys = {path: fingerprint([teacher.weights_id(), settings.top_k, made_of(store, path)]) for path in paths}
        counts = {path: counts_of(store, scores_path(path, name), key) for path, key in keys.items()}
        missing = {path: key for path, key in keys.items() if counts[path] is None}
        if missing:
            with EnginePools(engines.run, engines.logs) as pools:
                counts |= _scored(store, name, settings, pools.start({name: teacher}), missing, longest)
        _refuse_missing(settings, name, [found for found in counts.values() if found is not None])


def _scored(
    store: Store, name: str, settings: DistillSettings, handles: PoolHandles, missing: Mapping[str, str], longest: int
) -> dict[str, ScoreCounts]:
    context = handles.pools[name].info.context
    if longest >= context:
        raise CannotTrain(
            f"train {settings.name!r}: the longest row has {longest} tokens, but the teacher {name!r} reads "
            f"{context - 1}; raise its max_model_len to {longest + 1} or lower max_length"
        )
    return dict(ask_about(Scorer, ScoreCounts, store, name, handles, missing, settings.top_k))


class Scorer(Asker):
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
        request = Request([], _SAMPLING, 0, row["id"], tokens=row["input_ids"], score=Score(self.top_k, positions))
        async with self.gate:
            try:
                [reply] = await self.client.ask(self.model, request)
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
            f"delete training/{settings.name}/scores/{teacher} in the run, and run it again"
        )
