"""The reference's log-probabilities by a pool of engines, which read completions much faster than trainers do.

The same files as the training's workers would write (see :mod:`distilray.train.scoring.references`). An engine
computes in its own precision and with its own kernels, so its numbers differ a little from the student's own, and the
first step's margins are not quite 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from distilray.checkpoints import known_config
from distilray.models import ModelError, ScoreRequest
from distilray.runner import UnitAsker, ask_units
from distilray.train.errors import CannotTrain
from distilray.train.scoring.engines import engines_of
from distilray.train.scoring.references import Pair, missing, read_pairs, write_reference
from distilray.train.spec import TrainingSpec

NAMED = 5
"""Rows that an error names."""


class Asked(msgspec.Struct):
    """The result of one token file."""

    pairs: int
    failed: list[str] = []
    """Rows that the engines did not score, and why."""


def ask_engines(spec: TrainingSpec, tokens: Sequence[str], reference: str | None) -> None:
    """Writes the reference's log-probabilities for each of the token files ``tokens`` that has none; runs on the
    driver. ``reference``: the model's name; None: the current student, after earlier trainings.

    Raises :class:`CannotTrain` with the rows that could not be scored.
    """
    settings, store = spec.settings, spec.store
    name = reference or settings.student
    todo = {path: "" for path in missing(store, tokens)}
    if not todo:
        return
    model = spec.models[name]
    if reference is None:
        model = model.model_copy(update={"path": spec.student_path})
    with engines_of(spec.engines, name, model) as handles:
        reads = handles.pools[name].info.context - 1
        if settings.max_length > reads:
            raise CannotTrain(
                f"train {settings.name!r}: rows may have {settings.max_length} tokens, but the engines of {name!r} "
                f"read {reads}; raise its max_model_len to {settings.max_length + 1} or lower max_length"
            )
        asked = dict(ask_units(ReferenceAsker, Asked, store, name, handles, todo))
    failed = [row for found in asked.values() for row in found.failed]
    if failed:
        raise CannotTrain(
            f"train {settings.name!r}: {name!r} gave no log-probabilities of {len(failed)} pairs: "
            f"{'; '.join(failed[:NAMED])}. Fix the cause and run it again, or set reference_by: workers"
        )


def precision_warnings(spec: TrainingSpec) -> list[str]:
    """What to say where engines hold the student's own weights in another precision than a student with adapters does:
    the two then differ before the first step. ``spec.settings``: of the class
    :class:`~distilray.train.methods.dpo.settings.DPOSettings`."""
    settings = spec.settings
    if settings.lora is None or settings.reference is not None:
        return []
    model = spec.models[settings.student]
    trained = "bfloat16" if settings.precision == "bf16" else "float32"
    engine = model.dtype if model.dtype != "auto" else _automatic(spec.student_path)
    if engine == trained:
        return []
    return [
        f"the reference's engines hold the weights in {engine} (models.{settings.student}.dtype: {model.dtype}), the "
        f"student's frozen ones are in {trained} (precision: {settings.precision}), so the two differ before the first "
        f"step, by some hundredths of a nat per token; set dtype: {trained}, or reference_by: workers"
    ]


def _automatic(path: str) -> str:
    """The precision in which vLLM holds a checkpoint without being told: 16 bits, also where it has 32."""
    config = known_config(path) or {}
    found = str(config.get("dtype") or config.get("torch_dtype")).removeprefix("torch.")
    return "float16" if found == "float16" else "bfloat16"


class ReferenceAsker(UnitAsker):
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
        positions = tuple(range(len(row["prompt_ids"]), len(tokens)))
        [reply] = await self.client.ask(self.model, ScoreRequest(tokens, positions, row["id"]))
        return reply.scores.own_log_probs()
