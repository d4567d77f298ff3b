"""A student before training: is what lies there a checkpoint that can be trained on chat rows?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilray.checkpoints.identity import NotACheckpoint, is_local, resolve_path
from distilray.models import positions_of
from distilray.storage import Store
from distilray.train import CannotTrain

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


def local_student(path: str) -> str:
    """The folder on this node of the checkpoint at ``path``: a folder, ``package://...``, a URI, or a hub name, which
    is downloaded. Raises :class:`CannotTrain` where it cannot be had."""
    try:
        resolved = resolve_path(path)
        if is_local(path):
            return resolved
        from huggingface_hub import snapshot_download

        return snapshot_download(path)
    except (NotACheckpoint, OSError) as error:
        raise CannotTrain(f"student {path!r}: {error}") from error


def load_tokenizer(path: str) -> PreTrainedTokenizerBase:
    """The tokenizer of the checkpoint at ``path``, which can pad. Raises :class:`CannotTrain` where there is none."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, KeyError) as error:
        raise CannotTrain(f"student {path!r}: its tokenizer does not load ({error})") from error
    if tokenizer.pad_token_id is None:
        raise CannotTrain(
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
    """The checkpoint at ``path`` (see :func:`local_student`); :class:`CannotTrain` that says what it lacks."""
    folder = Path(local_student(path))
    if not folder.is_dir():
        raise CannotTrain(f"student {path!r}: there is no such folder; give the folder of a Hugging Face checkpoint")
    if not (folder / "config.json").is_file():
        raise CannotTrain(f"student {path!r} is not a checkpoint: it has no config.json; found {_listing(folder)}")
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except ValueError as error:
        raise CannotTrain(f"student {path!r}: config.json is not JSON ({error}); copy the checkpoint again") from error
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise CannotTrain(
            f"student {path!r} has no weights: none of {', '.join(WEIGHTS)}; found {_listing(folder)}. "
            "Copy the whole checkpoint (git-lfs files included)"
        )
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise CannotTrain(
            f"student {path!r} has no tokenizer: none of {', '.join(TOKENIZERS)}; save it beside the weights"
        )
    return Student(str(folder), config)


def check_shared_attention(config: Mapping[str, Any], size: int, student: str) -> None:
    """Raises :class:`CannotTrain` where the attention of a model with this ``config.json`` cannot be shared by ``size``
    workers."""
    heads = config.get("num_attention_heads")
    if heads is None or heads % size:
        raise CannotTrain(
            f"student {student!r}: {heads} attention heads cannot be shared by sequence_parallel {size} workers; take "
            f"a divisor of {heads}"
        )
    windows = config.get("use_sliding_window", config.get("sliding_window") is not None)
    if windows or "sliding_attention" in (config.get("layer_types") or ()):
        raise CannotTrain(
            f"student {student!r}: layers that attend to a window are not shared by workers; set sequence_parallel: 1"
        )


def _listing(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.iterdir())
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "an empty folder"
