"""Which units go into which file of an export, and whether their rows are marked."""

from __future__ import annotations

from collections.abc import Sequence

from distilray.export import SHARD_BYTES, FileFormat
from distilray.ledger import UnitInput, kept_rows, unit_columns
from distilray.rows import LABELS, TRAINING_MARKS, any_marks
from distilray.storage import Store, file_sizes

TEXT = 4
"""Text is about so many times as long as in a unit, which is compressed."""


def divided(
    store: Store, units: Sequence[UnitInput], format: FileFormat, most: int = SHARD_BYTES
) -> list[list[UnitInput]]:
    """The units of each file, in order; a file has at most about ``most`` bytes."""
    sizes = file_sizes(store, {unit.path.rpartition("/")[0] for unit in units})
    shards: list[list[UnitInput]] = [[]]
    held = 0
    for unit in units:
        size = sizes.get(unit.path, 0) * (1 if format == "parquet" else TEXT)
        if shards[-1] and held + size > most:
            shards.append([])
            held = 0
        shards[-1].append(unit)
        held += size
    return shards


def has_marks(store: Store, unit: UnitInput) -> bool:
    """Whether a row or a turn of the unit is marked as not to be trained on, or an answer called bad."""
    columns = [name for name in unit_columns(store, unit) if name in ("extra", *TRAINING_MARKS, *LABELS)]
    return any_marks(kept_rows(store, unit, columns))
