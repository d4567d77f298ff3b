"""Marks on turns, from the record to its row: see :mod:`distilray.rows.training_marks`.

An answer that is not to be trained on is no answer: the row is to be answered, and keeps the text in ``extra``.
"""

from __future__ import annotations

from typing import Any

from distilray.rows import TURN_WEIGHTS

WEIGHT, REPLY = "weight", "reply"
"""Keys of a message while its record is read: its weight, and, in the last one, the marked turn that answers it."""
UNTRAINED = "untrained_answer"


def take_marks(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What ``extra`` says of the marks on ``messages``, which are removed there."""
    reply = messages[-1].pop(REPLY, None)
    weights = [message.pop(WEIGHT, 1) for message in messages]
    if reply is not None and reply[WEIGHT] != 0:
        weights.append(reply[WEIGHT])
    found: dict[str, Any] = {TURN_WEIGHTS: weights} if any(weight != 1 for weight in weights) else {}
    return found | ({UNTRAINED: reply["content"]} if reply is not None and reply[WEIGHT] == 0 else {})
