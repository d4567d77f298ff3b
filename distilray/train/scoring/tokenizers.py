"""Tokenizers of models: teachers and references must share the student's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from distilray.checkpoints import local_student
from distilray.ledger import fingerprint

NAMED = 5
"""Tokens that :func:`other_tokens` shows."""


@dataclass(frozen=True)
class Vocabulary:
    ids: Mapping[str, int]
    """Token to id, without padding: models of one family may be padded differently."""
    hash: str


@lru_cache(maxsize=8)
def _vocabulary(folder: str) -> Vocabulary:
    from transformers import AutoTokenizer

    ids = dict(sorted(AutoTokenizer.from_pretrained(folder).get_vocab().items()))
    return Vocabulary(ids, fingerprint(list(ids.items())))


def vocabulary(path: str) -> Vocabulary:
    """That of the tokenizer at ``path``, which may be the address of a checkpoint."""
    return _vocabulary(local_student(path))


def other_tokens(mine: Vocabulary, theirs: Vocabulary) -> tuple[int, str]:
    """How many tokens have other ids in ``theirs`` than in ``mine``, and some of them with both."""
    everything = {**mine.ids, **theirs.ids}
    other = sorted(token for token in everything if mine.ids.get(token) != theirs.ids.get(token))
    shown = ", ".join(f"{token!r} ({mine.ids.get(token)}, {theirs.ids.get(token)})" for token in other[:NAMED])
    return len(other), shown
