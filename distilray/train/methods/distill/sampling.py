"""The student answers the rows of a round itself; its answers become the round's token files, one for each of the
training's.

Which rows are in a round, and which of them the student answers, follows from their ids, the round and the seed alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from distilray.models import GenerateRequest, ModelError, PoolHandles, Sampling
from distilray.runner import UnitAsker, ask_units
from distilray.storage import Store
from distilray.train.data.tokens import TokenCounts, write_tokens
from distilray.train.methods.distill.settings import DistillSettings
from distilray.train.scoring.scores import token_rows
from distilray.train.settings import IGNORED


@dataclass(frozen=True)
class Round:
    """Round ``number`` (from 1) takes ``share`` of the rows; its files go to ``folder``."""

    number: int
    share: float
    folder: str
    settings: DistillSettings
    schema: pa.Schema
    """Of token files."""
    stop_id: int
    """The token that ends the student's turn, at which its engines may not stop by themselves yet."""

    def path(self, tokens: str) -> str:
        return f"{self.folder}/{tokens.rpartition('/')[2]}"

    def draw(self, row_id: str, what: str) -> float:
        """A number in [0, 1) for ``row_id`` and ``what`` is drawn."""
        text = f"{self.settings.seed}\0{self.number}\0{what}\0{row_id}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def sample_round(
    store: Store, round_: Round, student: str, handles: PoolHandles, keys: Mapping[str, str]
) -> dict[str, TokenCounts]:
    """The student's answers to the rows of the token files in ``keys``, by the pool named ``student``."""
    return dict(ask_units(Sampler, TokenCounts, store, student, handles, keys, round_))


class Sampler(UnitAsker):
    def prepare(self, round_: Round) -> None:
        self.round, self.settings = round_, round_.settings

    async def unit(self, path: str, key: str) -> TokenCounts:
        rows = await asyncio.to_thread(token_rows, self.store, path)
        rows = [row for row in rows if self.round.draw(row["id"], "rows") < self.round.share]
        made = await asyncio.gather(*[self._row(row) for row in rows])
        kept = [row for row in made if row["outcome"] == "kept"]
        failed = [row for row in made if row["outcome"] != "kept"]
        counts = TokenCounts(
            rows_in=len(made),
            kept=len(kept),
            failed=len(failed),
            truncated=sum(row.pop("truncated", False) for row in made),
            reasons={"failed: the student did not answer": len(failed)} if failed else {},
            tokens=sum(row["length"] for row in kept),
            trained_tokens=sum(label != IGNORED for row in kept for label in row["labels"]),
            longest=max((row["length"] for row in kept), default=0),
        )
        table = pa.Table.from_pylist(made, self.round.schema)
        await asyncio.to_thread(write_tokens, self.store, self.round.path(path), table, key, counts)
        return counts

    async def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        own = self.settings.on_policy
        assert own is not None
        if self.round.draw(row["id"], "own") >= own.share:
            return _token_row(row["id"], row["input_ids"], row["labels"])
        prompt = row["input_ids"][: answer_start(row["labels"])]
        room = min(own.max_tokens, self.settings.max_length - len(prompt))
        sampling = Sampling(max_tokens=room, temperature=own.temperature)
        seed = int(self.round.draw(row["id"], "seed") * 2**31)
        async with self.gate:
            try:
                request = GenerateRequest([], sampling, seed, row["id"], tokens=prompt, stop_ids=(self.round.stop_id,))
                [reply] = await self.client.ask(self.model, request)
            except ModelError as error:
                return {"id": row["id"], "outcome": "failed", "reason": f"{type(error).__name__}: {error}"}
        assert reply.tokens
        made = _token_row(row["id"], [*prompt, *reply.tokens], [IGNORED] * len(prompt) + reply.tokens)
        return {**made, "truncated": reply.finish_reason == "length"}


def answer_start(labels: list[int]) -> int:
    """Where the last run of trained tokens begins: the answer that the student samples again."""
    start = max(place for place, label in enumerate(labels) if label != IGNORED)
    while start > 0 and labels[start - 1] != IGNORED:
        start -= 1
    return start


def _token_row(row_id: str, ids: list[int], labels: list[int]) -> dict[str, Any]:
    return {
        "id": row_id, "outcome": "kept", "reason": None, "length": len(ids), "input_ids": ids, "labels": labels,
    }  # fmt: skip
