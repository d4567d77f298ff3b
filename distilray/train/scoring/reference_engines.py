"""The reference's log-probabilities by a pool of engines, which read completions much faster than trainers do.

The same files as the training's workers would write (see :mod:`distilray.train.methods.dpo.cached`). An engine
computes in its own precision and with its own kernels, so its numbers differ a little from the student's own, and the
first step's margins are not quite 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from distilray.models import EnginePools, ModelError, Request, Sampling, Score
from distilray.train.errors import CannotTrain
from distilray.train.methods.base import PrepareContext
from distilray.train.methods.dpo.cached import Pair, missing, read_pairs, write_reference
from distilray.train.scoring.units import Asker, ask_about

ONE_TOKEN = Sampling(max_tokens=1)
NAMED = 5
"""Rows that an error names."""


class Asked(msgspec.Struct):
    """What came of one token file."""

    pairs: int
    failed: list[str] = []
    """Rows that the engines did not score, and why."""


def ask_engines(context: PrepareContext) -> None:
    """Leaves the reference's log-probabilities beside each token file that has none; runs on the driver.

    Raises :class:`CannotTrain` with the rows that could not be scored.
    """
    settings, store = context.settings, context.store
    name = settings.reference or settings.student
    todo = {path: "" for path in missing(store, context.tokens.paths)}
    if not todo:
        return
    model = context.models[name]
    if settings.reference is None:  # the student as it is now, after earlier trainings
        model = model.model_copy(update={"path": context.student_path})
    with EnginePools(context.engines.run, context.engines.logs) as pools:
        handles = pools.start({name: model})
        reads = handles.pools[name].info.context - 1
        if settings.max_length > reads:
            raise CannotTrain(
                f"train {settings.name!r}: rows may have {settings.max_length} tokens, but the engines of {name!r} "
                f"read {reads}; raise its max_model_len to {settings.max_length + 1} or lower max_length"
            )
        asked = dict(ask_about(ReferenceAsker, Asked, store, name, handles, todo))
    failed = [row for found in asked.values() for row in found.failed]
    if failed:
        raise CannotTrain(
            f"train {settings.name!r}: {name!r} gave no log-probabilities of {len(failed)} pairs: "
            f"{'; '.join(failed[:NAMED])}. Mend the cause and run it again, or set reference_by: workers"
        )


class ReferenceAsker(Asker):
    """Asks for the log-probabilities of both completions of each pair."""

    async def unit(self, path: str, key: str) -> Asked:
        rows = (await asyncio.to_thread(read_pairs, self.store, path)).to_pylist()
        found = await asyncio.gather(*[self._pair(row) for row in rows])
        failed = [f"{row['id']} ({why})" for row, why in zip(rows, found, strict=True) if isinstance(why, str)]
        if not failed:
            pairs: dict[str, Any] = {row["id"]: pair for row, pair in zip(rows, found, strict=True)}
            await asyncio.to_thread(write_reference, self.store, path, pairs)
        return Asked(len(rows), failed)

    async def _pair(self, row: Mapping[str, Any]) -> Pair | str:
        """Log-probabilities of both completions, or why there are none."""
        async with self.gate:
            try:
                chosen, rejected = [await self._completion(row, row[name]) for name in ("chosen_ids", "rejected_ids")]
            except ModelError as error:
                return f"{type(error).__name__}: {error}"
        return chosen, rejected

    async def _completion(self, row: Mapping[str, Any], ids: list[int]) -> Any:
        tokens = [*row["prompt_ids"], *ids]
        score = Score(0, tuple(range(len(row["prompt_ids"]), len(tokens))))
        [reply] = await self.client.ask(self.model, Request([], ONE_TOKEN, 0, row["id"], tokens=tokens, score=score))
        assert reply.scores is not None
        return reply.scores.own_log_probs()
