"""What a run has spent so far, from its manifests and, where a phase is not done, from the records of its units."""

from __future__ import annotations

from distilray.ledger import add_usage, list_stages, read_counts
from distilray.storage import Store


def spent(store: Store) -> tuple[int, float]:
    """Tokens (in and out) and money over all stages. Every reply counts once, replayed or not: each was paid for."""
    usage: dict[str, dict[str, float]] = {}
    for stage in list_stages(store):
        if stage.manifest is None or stage.manifest.kind != "phase":
            continue
        if stage.complete:
            add_usage(usage, stage.manifest.models)
            continue
        for counts in read_counts(store, stage.folder, stage.units).values():
            add_usage(usage, counts.models)
    return tokens_and_money(usage)


def tokens_and_money(usage: dict[str, dict[str, float]]) -> tuple[int, float]:
    """What the ``usage`` of models comes to, see :data:`distilray.ledger.USAGE`."""
    tokens = sum(int(model["tokens_in"] + model["tokens_out"]) for model in usage.values())
    return tokens, sum(model["cost"] for model in usage.values())
