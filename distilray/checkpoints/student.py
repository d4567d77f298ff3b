"""A student before training: is there a checkpoint that can be trained?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from distilray.checkpoints.files import TOKENIZERS, has_tokenizer, listing, read_config
from distilray.checkpoints.identity import NotACheckpoint, is_local, resolve_path

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""Weights that trainers load."""


@dataclass(frozen=True, slots=True)
class Student:
    """A checkpoint's directory and its config, read without loading weights."""

    path: str
    config: dict[str, Any]

    @property
    def context(self) -> int | None:
        """Most tokens of one sequence, where the config gives it."""
        return positions_of(self.config)


def positions_of(config: Mapping[str, Any]) -> int | None:
    """Most tokens of one text. RoBERTa and its relatives count positions from the one after the pad token's id."""
    positions = config.get("max_position_embeddings")
    if positions is not None and config.get("model_type") in ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl"):
        return positions - config.get("pad_token_id", 1) - 1
    return positions


def local_student(path: str) -> str:
    """The directory on this node of the checkpoint at ``path``: a directory, ``package://...``, a URI, or a hub name,
    which is downloaded. Raises :class:`NotACheckpoint` if it is not available."""
    try:
        resolved = resolve_path(path)
        return resolved if is_local(path) else _downloaded(path)
    except (NotACheckpoint, OSError) as error:
        raise NotACheckpoint(f"student {path!r}: {error}") from error


@cache
def _downloaded(name: str) -> str:
    """Once a process: each call asks the hub for every file's newest version, and units of rows ask often."""
    from huggingface_hub import snapshot_download

    return snapshot_download(name)


def read_student(path: str) -> Student:
    """The checkpoint at ``path`` (see :func:`local_student`); :class:`NotACheckpoint` says what is missing."""
    folder = Path(local_student(path))
    shown = f"student {path!r}"
    if not folder.is_dir():
        raise NotACheckpoint(f"{shown}: no such directory; give the directory of a Hugging Face checkpoint")
    config = read_config(folder, shown)
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise NotACheckpoint(
            f"{shown}: no weights: none of {', '.join(WEIGHTS)}; found {listing(folder)}. "
            "Copy the whole checkpoint (git-lfs files included)"
        )
    if not has_tokenizer(folder):
        raise NotACheckpoint(f"{shown}: no tokenizer: none of {', '.join(TOKENIZERS)}; save it in the same directory")
    return Student(str(folder), config)
