"""How many tokens a text is to the student: counted by the student's own tokenizer, off the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from distilray.checkpoints import resolve_path

# One thread: fast tokenizers release the interpreter while they work, and are not made for several callers at once.
_thread = ThreadPoolExecutor(1, "tokenizer")


_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")


def _with_tokenizer(path: str) -> str:
    if "://" in path and not path.startswith("package://"):
        return path  # on another filesystem: seen where it is used
    folder = Path(resolve_path(path))
    if (folder.is_dir() or folder.is_absolute()) and not any((folder / name).is_file() for name in _FILES):
        raise ValueError(f"{path} has no tokenizer ({' or '.join(_FILES)}); give the student's checkpoint")
    return path


TokenizerPath = Annotated[str, AfterValidator(_with_tokenizer)]
"""Where a tokenizer is: a checkpoint's directory, a Hugging Face name, or ``package://PACKAGE/DIR``."""


@cache
def _tokenizer(path: str) -> Any:
    from transformers import AutoTokenizer  # seconds to import: only where it is needed

    return AutoTokenizer.from_pretrained(resolve_path(path))


def _counts(path: str, texts: tuple[str, ...]) -> list[int]:
    return [len(ids) for ids in _tokenizer(path)(list(texts), add_special_tokens=False)["input_ids"]]


async def token_counts(path: str | None, *texts: str) -> list[int | None]:
    """Tokens of each text, without special tokens; all ``None`` where no tokenizer is named."""
    if path is None:
        return [None] * len(texts)
    return list(await asyncio.get_running_loop().run_in_executor(_thread, _counts, path, texts))
