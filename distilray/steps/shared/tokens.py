"""Length of a text in the student's tokens, counted by its own tokenizer, off the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator

from distilray.checkpoints import check_tokenizer, load_tokenizer

# One thread: fast tokenizers release the interpreter while they work, and do not support several callers at once.
_thread = ThreadPoolExecutor(1, "tokenizer")


def _with_tokenizer(path: str) -> str:
    check_tokenizer(path)
    return path


TokenizerPath = Annotated[str, AfterValidator(_with_tokenizer)]
"""Where a tokenizer is: a checkpoint's directory, a Hugging Face name, or ``package://PACKAGE/DIR``."""


@cache
def _tokenizer(path: str) -> Any:
    return load_tokenizer(path, pads=False)


def _counts(path: str, texts: tuple[str, ...]) -> list[int]:
    return [len(ids) for ids in _tokenizer(path)(list(texts), add_special_tokens=False)["input_ids"]]


async def token_counts(path: str | None, *texts: str) -> list[int | None]:
    """Tokens of each text, without special tokens; all ``None`` where no tokenizer is named."""
    if path is None:
        return [None] * len(texts)
    return list(await asyncio.get_running_loop().run_in_executor(_thread, _counts, path, texts))


def _conversation(path: str, messages: list[dict[str, str]], answer: str) -> tuple[list[int], int]:
    tokenizer = _tokenizer(path)
    asked = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    prompt, reply = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (asked, answer))
    return [*prompt, *reply], len(prompt)


async def conversation_tokens(path: str, messages: list[dict[str, str]], answer: str) -> tuple[list[int], int]:
    """The tokens of ``messages`` under the chat template of the tokenizer at ``path`` and of ``answer`` after them, as
    a model would have generated it; and where the answer begins."""
    return await asyncio.get_running_loop().run_in_executor(_thread, _conversation, path, messages, answer)


_OPENING = "HERE-THE-USER-BEGINS"


def _opening(path: str, system: str | None) -> tuple[list[int], tuple[int, ...]]:
    tokenizer = _tokenizer(path)
    turns = [{"role": "system", "content": system}] if system else []
    turns.append({"role": "user", "content": _OPENING})
    before, _, after = tokenizer.apply_chat_template(turns, tokenize=False).partition(_OPENING)
    tokens, end = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (before, after))
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    return tokens, tuple(end[:1]) if end and end[0] in special else ()


async def opening_tokens(path: str, system: str | None) -> tuple[list[int], tuple[int, ...]]:
    """The tokens of a conversation up to where the user's first turn begins, under the chat template of the tokenizer
    at ``path``; and the token that ends such a turn, where one does."""
    return await asyncio.get_running_loop().run_in_executor(_thread, _opening, path, system)
