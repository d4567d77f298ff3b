"""The tokenizer of a checkpoint: whether there is one, and loading it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from distilray.checkpoints.files import TOKENIZERS, has_tokenizer
from distilray.checkpoints.identity import NotACheckpoint, all_but_weights, resolve_path

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def check_tokenizer(path: str) -> None:
    """Raise :class:`NotACheckpoint` where the directory at ``path`` has no tokenizer. Names on the hub and on other
    filesystems are not looked up: they are read where they are used."""
    if "://" in path and not path.startswith("package://"):
        return
    folder = Path(resolve_path(path))
    if (folder.is_dir() or folder.is_absolute()) and not has_tokenizer(folder):
        raise NotACheckpoint(f"{path}: no tokenizer ({' or '.join(TOKENIZERS)}); give a checkpoint that has one")


def load_tokenizer(path: str, *, pads: bool = True) -> PreTrainedTokenizerBase:
    """The tokenizer of the checkpoint at ``path`` (anything that :func:`resolve_path` accepts).

    Raises :class:`NotACheckpoint` if there is none, or if ``pads`` and it has no pad token.
    """
    from transformers import AutoTokenizer  # takes seconds to import

    try:
        tokenizer = AutoTokenizer.from_pretrained(resolve_path(path, all_but_weights))
    except (OSError, ValueError, KeyError) as error:
        raise NotACheckpoint(f"{path}: its tokenizer does not load ({error})") from error
    if pads and tokenizer.pad_token_id is None:
        raise NotACheckpoint(
            f"{path}: its tokenizer has no pad token, so rows of different lengths cannot share a batch; set one that "
            f"is not the stop token (tokenizer.pad_token = ...; tokenizer.save_pretrained({path!r}))"
        )
    return tokenizer
