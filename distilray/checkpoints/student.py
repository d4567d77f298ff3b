"""A student before training: is what lies there a checkpoint that can be trained on chat rows?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilray.checkpoints.identity import NotACheckpoint, is_local, resolve_path
from distilray.storage import Store

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "sentencepiece.bpe.model", "spm.model")
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
"""What belongs to a tokenizer; these files go where a student goes, byte for byte."""


@dataclass(frozen=True, slots=True)
class Student:
    """A checkpoint's folder and its config, read without loading weights."""

    path: str
    config: dict[str, Any]

    @property
    def context(self) -> int | None:
        """Most tokens of one sequence, where the config says so."""
        return positions_of(self.config)


def positions_of(config: Mapping[str, Any]) -> int | None:
    """Most tokens of one text; encoders of RoBERTa's kind count positions from behind the pad token's id."""
    positions = config.get("max_position_embeddings")
    if positions is not None and config.get("model_type") in ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl"):
        return positions - config.get("pad_token_id", 1) - 1
    return positions


def local_student(path: str) -> str:
    """The folder on this node of the checkpoint at ``path``: a folder, ``package://...``, a URI, or a hub name, which
    is downloaded. Raises :class:`NotACheckpoint` where it cannot be had."""
    try:
        resolved = resolve_path(path)
        if is_local(path):
            return resolved
        from huggingface_hub import snapshot_download

        return snapshot_download(path)
    except (NotACheckpoint, OSError) as error:
        raise NotACheckpoint(f"student {path!r}: {error}") from error


def load_tokenizer(path: str) -> PreTrainedTokenizerBase:
    """The tokenizer of the checkpoint at ``path``, which can pad. Raises :class:`NotACheckpoint` where there is
    none."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, KeyError) as error:
        raise NotACheckpoint(f"student {path!r}: its tokenizer does not load ({error})") from error
    if tokenizer.pad_token_id is None:
        raise NotACheckpoint(
            f"student {path!r}: its tokenizer has no pad token, so rows of unlike lengths cannot share a batch; set "
            f"one that is not the stop token (tokenizer.pad_token = ...; tokenizer.save_pretrained({path!r}))"
        )
    return tokenizer


def checkpoint_address(store: Store, path: str) -> str:
    """Where a checkpoint of the run lies, as engines and trainers take it: a folder, or a URI that they copy from."""
    if store.local:
        return store.full(path)
    root, mark, query = store.uri.partition("?")
    return f"{root.rstrip('/')}/{path}{mark}{query}"


def read_student(path: str) -> Student:
    """The checkpoint at ``path`` (see :func:`local_student`); :class:`NotACheckpoint` that says what it lacks."""
    folder = Path(local_student(path))
    if not folder.is_dir():
        raise NotACheckpoint(f"student {path!r}: there is no such folder; give the folder of a Hugging Face checkpoint")
    if not (folder / "config.json").is_file():
        raise NotACheckpoint(f"student {path!r} is not a checkpoint: it has no config.json; found {_listing(folder)}")
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except ValueError as error:
        raise NotACheckpoint(
            f"student {path!r}: config.json is not JSON ({error}); copy the checkpoint again"
        ) from error
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise NotACheckpoint(
            f"student {path!r} has no weights: none of {', '.join(WEIGHTS)}; found {_listing(folder)}. "
            "Copy the whole checkpoint (git-lfs files included)"
        )
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise NotACheckpoint(
            f"student {path!r} has no tokenizer: none of {', '.join(TOKENIZERS)}; save it beside the weights"
        )
    return Student(str(folder), config)


def _listing(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.iterdir())
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "an empty folder"
