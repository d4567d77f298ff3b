"""Checkpoints of the Hugging Face hub that this machine has already: looked up in the hub's cache, never downloaded.

$HF_HOME/hub/models--Qwen--Qwen2.5-7B/refs/main              the commit that was fetched last
$HF_HOME/hub/models--Qwen--Qwen2.5-7B/snapshots/<commit>/    its files, as many as were asked for
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from distilray.checkpoints.identity import all_but_weights, is_local, resolve_path


def hub_cache() -> Path:
    """The folder of the cache: that of ``HF_HUB_CACHE``, ``HF_HOME`` or the user's own."""
    return Path(constants.HF_HUB_CACHE)


def cached_snapshot(name: str) -> Path | None:
    """The folder with the cached files of the hub's checkpoint ``name`` (``owner/name``); None where it has none."""
    repository = hub_cache() / f"models--{name.replace('/', '--')}"
    commit = repository / "refs" / "main"
    if not commit.is_file():
        return None
    snapshot = repository / "snapshots" / commit.read_text("utf-8").strip()
    return snapshot if snapshot.is_dir() else None


def cached_models() -> list[str]:
    """Names of the checkpoints in the hub's cache, whole or in part."""
    folders = hub_cache().glob("models--*--*")
    return sorted(folder.name.removeprefix("models--").replace("--", "/", 1) for folder in folders)


def cached_config(name: str) -> dict[str, Any] | None:
    """The cached config.json of the hub's checkpoint ``name``; None where there is none."""
    snapshot = None if is_local(name) else cached_snapshot(name)
    file = None if snapshot is None else snapshot / "config.json"
    return json.loads(file.read_text("utf-8")) if file is not None and file.is_file() else None


def folder_here(path: str) -> Path | None:
    """The folder with the config and the tokenizer of the checkpoint at ``path``, as far as they are within reach: a
    directory, what is copied of a URI, or for a hub name what the hub's cache holds of it."""
    if not is_local(path):
        return cached_snapshot(path)
    folder = Path(resolve_path(path, all_but_weights))
    return folder if folder.is_dir() else None
