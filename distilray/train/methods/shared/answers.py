"""A row's conversation as tokens, with labels for the assistant's tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.train.data.chat import ChatFormat
from distilray.train.data.tokenized import Tokens, UntrainableRow
from distilray.train.settings import IGNORED, TrainSettings

BAD = "its label is false: a bad answer, which only kind: kto learns from"


def render_answer(row: Mapping[str, Any], chat: ChatFormat, settings: TrainSettings) -> Tokens | UntrainableRow:
    """``input_ids`` of a row's whole conversation and ``labels`` of the assistant's tokens."""
    if not row["answer"]:
        return UntrainableRow("rejected", "no answer")
    if chat.think and not row["reasoning"]:
        return UntrainableRow("rejected", "no reasoning")
    rendered = chat.render(row["messages"] or [], row["answer"], row["reasoning"])
    ids, labels, length = rendered.input_ids, rendered.labels, len(rendered.input_ids)
    truncated = length > settings.max_length
    if truncated:
        if settings.long_rows == "reject":
            return UntrainableRow("rejected", "longer than max_length", length)
        ids, labels = ids[: settings.max_length], labels[: settings.max_length]
    if all(label == IGNORED for label in labels[1:]):
        return UntrainableRow("rejected", "nothing to train on", length)
    if not truncated and labels[rendered.stop - 1] == IGNORED:
        return UntrainableRow("failed", "its end is not trained", length)
    trained = sum(label != IGNORED for label in labels)
    return Tokens({"input_ids": ids, "labels": labels}, len(ids), trained, truncated)
