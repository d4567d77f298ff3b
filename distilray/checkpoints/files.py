"""What a checkpoint's directory must hold: config.json, weights, a tokenizer and a chat template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from distilray.checkpoints.identity import (
    NotACheckpoint,
    all_but_weights,
    config_alone,
    file_sizes,
    is_local,
    resolve_path,
)
from distilray.checkpoints.template import chat_template

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")
TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "sentencepiece.bpe.model",
    "spm.model",
    "tekken.json",
)
"""Files of which a tokenizer has at least one."""

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "vocab.txt",
    "sentencepiece.bpe.model",
    "spm.model",
    "generation_config.json",
)
"""All files of a tokenizer; a student is exported with copies of them."""


def has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in TOKENIZERS)


def read_config(folder: Path, shown: str) -> dict[str, Any]:
    """The config.json in ``folder``. Raises :class:`NotACheckpoint`, with the path as ``shown``, if it is absent or
    broken."""
    file = folder / CONFIG
    if not file.is_file():
        raise NotACheckpoint(
            f"{shown}: no config.json, so this is not a Hugging Face checkpoint; found {listing(folder)}"
        )
    try:
        return json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise NotACheckpoint(f"{shown}: config.json is not JSON ({error}); copy the checkpoint again") from error


def local_config(path: str) -> dict[str, Any] | None:
    """The config.json of the checkpoint at ``path``; None where it is not on this machine (a hub name)."""
    folder = Path(resolve_path(path, config_alone))
    return read_config(folder, path) if is_local(path) and (folder / CONFIG).is_file() else None


def check_checkpoint(path: str, *, chat: bool = True) -> None:
    """Raise :class:`NotACheckpoint` unless the local ``path`` has configuration, weights, tokenizer and (``chat``) a
    chat template. A Hugging Face name is not looked up: only the engine's node knows what it can reach."""
    if not is_local(path):
        return
    root = Path(resolve_path(path, all_but_weights))
    if not root.is_dir():
        raise NotACheckpoint(f"{path}: no such directory; give a checkpoint's directory or a hub name owner/name")
    sizes = file_sizes(path)
    config = read_config(root, path)
    if "architectures" not in config and "model_type" not in config:
        raise NotACheckpoint(f"{path}: config.json names neither architectures nor model_type")
    if not any(size and any(fnmatch(name, pattern) for pattern in WEIGHTS) for name, size in sizes.items()):
        raise NotACheckpoint(f"{path}: no weights ({', '.join(WEIGHTS)}); copy the whole checkpoint, git-lfs included")
    if missing := _missing_shards(root, sizes):
        raise NotACheckpoint(f"{path}: weights named in {INDEX} are missing: {', '.join(missing[:3])}")
    if not has_tokenizer(root):
        raise NotACheckpoint(f"{path}: no tokenizer ({' or '.join(TOKENIZERS)}); save it in the same directory")
    if chat and chat_template(root) is None:
        raise NotACheckpoint(
            f"{path}: the tokenizer has no chat template; save one with it (chat_template.jinja) or use an "
            "instruction-tuned checkpoint"
        )


def weights_bytes(path: str) -> int | None:
    """Size of the weights of the checkpoint at ``path``; None where they are not within reach (a hub name)."""
    sizes = file_sizes(path)
    return sum(size for name, size in sizes.items() if name.endswith((".safetensors", ".bin"))) if sizes else None


def listing(folder: Path) -> str:
    """The first names in ``folder``, for errors."""
    names = sorted(entry.name for entry in folder.iterdir())
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "an empty directory"


def _missing_shards(root: Path, sizes: Mapping[str, int]) -> list[str]:
    index = root / INDEX
    if not index.is_file():
        return []
    shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    return sorted(shards.difference(sizes))
