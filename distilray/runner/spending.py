"""What a run has spent so far, from its manifests and, where a stage is not done, from its units' footers."""

from __future__ import annotations

from distilray.ledger import Manifest, add_usage, read_unit_counts
from distilray.storage import Store

STAGES = ("steps", "evaluations")


def spent(store: Store) -> tuple[int, float]:
    """Tokens (in and out) and money over all stages. Every reply counts once, replayed or not: each was paid for."""
    usage: dict[str, dict[str, float]] = {}
    for root in STAGES:
        for folder in _stage_folders(store, root):
            manifest = Manifest.read(store, folder)
            if manifest is None:
                continue
            if manifest.finished:
                add_usage(usage, manifest.models)
                continue
            for name in store.names(folder):
                if name.endswith(".parquet"):
                    add_usage(usage, read_unit_counts(store, f"{folder}/{name}").models)
    tokens = sum(int(model["tokens_in"] + model["tokens_out"]) for model in usage.values())
    return tokens, sum(model["cost"] for model in usage.values())


def _stage_folders(store: Store, root: str) -> list[str]:
    """Folders below ``root`` that have a manifest, repeats' rounds and models' benchmarks included."""
    return sorted(path.rpartition("/")[0] for path in store.files_below(root) if path.endswith("/manifest.json"))
