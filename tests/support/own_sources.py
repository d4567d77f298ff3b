"""Sources of a user's own, as functions."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.sources import SourceError


def closed_after_one() -> Iterator[dict[str, str]]:
    """One record, and then an error of ours, raised where no driver is."""
    yield {"instruction": "1"}
    raise SourceError("the catalogue", "is closed", "Ask again tomorrow")
