"""How many rows a recipe starts with."""

from __future__ import annotations

from distilray.recipe import Recipe
from distilray.sources import list_files, read_records


def count_rows(recipe: Recipe) -> int:
    """Records of all sources, up to each source's limit. Files are read through to count them."""
    total = 0
    for source in recipe.sources:
        records = sum(sum(1 for _ in read_records(source, file)) for file in list_files(source))
        total += min(records, source.limit) if source.limit else records
    return total
