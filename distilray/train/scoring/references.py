"""A reference's log-probabilities of pairs, computed once and kept: one file for each token file, keyed by row id.

    <training>/tokens/unit-000000.parquet       id, prompt_ids, chosen_ids, rejected_ids, ...
    <training>/reference/unit-000000.parquet    id, reference_chosen, reference_rejected: one number per token

The training's workers and engines write the same files; an existing one, made from the same tokens, is not made
again, so a killed training continues where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from distilray.storage import Store, read_parquet, read_parquet_footer, write_parquet
from distilray.train.data.tokens import made_of
from distilray.train.errors import CannotTrain

CHOSEN, REJECTED = "reference_chosen", "reference_rejected"
"""Columns of a row: the reference's log-probabilities of the completion's tokens."""
NUMBERS = pa.list_(pa.float32())
SCHEMA = pa.schema([("id", pa.string()), (CHOSEN, NUMBERS), (REJECTED, NUMBERS)])
MADE_OF = "distilray.tokens"

Pair = tuple[Sequence[float], Sequence[float]]
"""Log-probabilities of the tokens of the chosen and of the rejected completion."""


def reference_path(tokens: str) -> str:
    folder, _, name = tokens.rpartition("/")
    return f"{folder.rpartition('/')[0]}/reference/{name}"


def write_reference(store: Store, tokens: str, pairs: Mapping[str, Pair]) -> None:
    """Writes the file for the token file ``tokens``. Raises :class:`CannotTrain` where a number is not finite."""
    broken = [row for row, pair in pairs.items() if not all(np.isfinite(some).all() for some in pair)]
    if broken:
        raise CannotTrain(
            f"the reference's log-probabilities of {len(broken)} rows are not finite: {', '.join(broken[:5])}; "
            "look at these rows, or at the reference's weights"
        )
    columns = [list(pairs), [pair[0] for pair in pairs.values()], [pair[1] for pair in pairs.values()]]
    table = pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)
    write_parquet(store, reference_path(tokens), table, MADE_OF, made_of(store, tokens))


def missing(store: Store, tokens: Sequence[str]) -> list[str]:
    """The token files among ``tokens`` without an up-to-date reference file."""
    return [path for path in tokens if not _made(store, path)]


def join_reference(store: Store, tokens: str, rows: pa.Table) -> pa.Table:
    """``rows`` (the kept ones of ``tokens``) with the reference's log-probabilities of their completions."""
    table = read_parquet(store, reference_path(tokens))
    places = pc.index_in(rows["id"], table["id"])
    if places.null_count:
        row = rows["id"][places.combine_chunks().is_null().index(True).as_py()].as_py()
        raise CannotTrain(f"row {row!r} has no reference log-probabilities in {reference_path(tokens)}")
    for name in (CHOSEN, REJECTED):
        rows = rows.append_column(pa.field(name, NUMBERS), table[name].take(places))
    return rows


def read_pairs(store: Store, tokens: str) -> pa.Table:
    """The kept rows of a token file of pairs."""
    table = read_parquet(store, tokens)
    return table.filter(pc.equal(table["outcome"], "kept"))


def _made(store: Store, tokens: str) -> bool:
    path = reference_path(tokens)
    return store.exists(path) and read_parquet_footer(store, path, MADE_OF).entry == made_of(store, tokens)
