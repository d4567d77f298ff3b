"""A recorded response, and how its text becomes the one that is scored: reasoning is removed, being cut is noted.

final_text("<think>\\n2 and 2\\n</think>\\n\\nFour.")      ("Four.", False)
final_text("<think>\\n2 and 2 make")                       ("", True)
"""

from __future__ import annotations

from typing import Any

import msgspec

from distilray.rows import MARKS

CUT = frozenset({"length", "max_tokens", "max_length", "model_length"})
"""Reasons to end that mean that a response is not complete."""


class Response(msgspec.Struct, kw_only=True):
    """One answer of a model to one question, as a file records it."""

    place: str
    """File and position."""
    ids: tuple[str, ...] = ()
    """What the file calls the question, the most telling name first."""
    prompts: tuple[str, ...] = ()
    """The question's text, or a prompt that contains it."""
    text: str = ""
    choice_scores: tuple[float, ...] = ()
    """Log-likelihoods of a question's options, where these were measured in place of a text."""
    finish_reason: str | None = None
    output_tokens: int | None = None
    model: str = ""
    column: str = ""
    """Where the text was read, if that is a column in which data sets keep references."""
    judgment: bool = False
    """Whether the record is a judge's verdict on the response."""
    doc: dict[str, Any] | None = None
    """The question's own record, where the file carries it."""
    record: dict[str, Any] = {}
    """The record as it was read."""


def final_text(text: str) -> tuple[str, bool]:
    """The answer after the reasoning, as it stands, and whether the reasoning has no end.

    Of text with an end mark, all up to the last one is reasoning, also where a chat template wrote the begin mark.
    """
    for begin, end in MARKS:
        if end in text:
            return text.rpartition(end)[2].lstrip("\r\n"), False
        if text.lstrip().startswith(begin):
            return "", True
    return text, False


def is_cut(response: Response) -> bool:
    """Whether the length limit ended it: by its finish reason, or because its reasoning has no end."""
    return (response.finish_reason or "").lower() in CUT or final_text(response.text)[1]
