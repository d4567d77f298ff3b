"""A cache of the Hugging Face hub with checkpoints in it, as its library lays one out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants


def hub_cache_with(cache: Path, monkeypatch: pytest.MonkeyPatch, **checkpoints: str) -> None:
    """Makes ``cache`` the hub's, with a commit of ``owner/NAME`` for each ``NAME=folder``."""
    cache.mkdir(exist_ok=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    for name, folder in checkpoints.items():
        repository = cache / f"models--owner--{name}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text("abc123")
        shutil.copytree(folder, repository / "snapshots" / "abc123")
