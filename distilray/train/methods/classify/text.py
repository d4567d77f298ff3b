"""Turns a row into the tokens that a classifier reads, and its label into a word."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilray.checkpoints import Reading, load_tokenizer
from distilray.prompts import parts_of
from distilray.rows import Row
from distilray.train.data.tokenized import Tokens, UntrainableRow
from distilray.train.methods.classify.settings import ClassifySettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class TextFormat:
    """The encoder's tokenizer and the parts of a row that it reads."""

    tokenizer: PreTrainedTokenizerBase
    reading: Reading
    hash: str
    """Hash of what determines a row's tokens and label apart from the tokenizer (12 hex digits)."""


def load_text(path: str, settings: ClassifySettings) -> TextFormat:
    """The format of the checkpoint at ``path``; :class:`CannotTrain` if its tokenizer cannot be used."""
    tokenizer = load_tokenizer(path)
    made_of = (settings.column, settings.reads, settings.labels)
    digest = hashlib.blake2b(repr(made_of).encode(), digest_size=6).hexdigest()
    return TextFormat(tokenizer, Reading(settings.reads, settings.max_length, settings.long_rows), digest)


def render_label(row: Mapping[str, Any], text: TextFormat, settings: ClassifySettings) -> Tokens | UntrainableRow:
    """``input_ids`` of what the classifier reads of ``row``, and its ``label``, a word."""
    label = label_of(row[settings.column])
    if label is None:
        return UntrainableRow("rejected", "no label")
    if isinstance(label, UntrainableRow):
        return label
    if settings.labels is not None and label not in settings.labels:
        return UntrainableRow("rejected", "its label is not in `labels`")
    try:
        read = text.reading.text(parts_of(Row(row)))
    except KeyError as part:
        return UntrainableRow("rejected", f"no {part.args[0]}")
    limit = settings.max_length
    ids = text.tokenizer(read)["input_ids"]
    length, truncated = len(ids), len(ids) > limit
    if truncated:
        if settings.long_rows == "reject":
            return UntrainableRow("rejected", "longer than max_length", length)
        ids = text.tokenizer(read, truncation=True, max_length=limit)["input_ids"]  # keeps the token at the end
    return Tokens({"input_ids": ids, "label": label}, len(ids), 1, truncated)


def label_of(value: Any) -> str | UntrainableRow | None:
    """The label for a column's value; None if there is none."""
    match value:
        case None | "":
            return None
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            return value.strip() or None
        case float() if value.is_integer():
            return str(int(value))
    return UntrainableRow("failed", f"its label is a {type(value).__name__}, not a word or a whole number")
