"""How surprising an answer is to a student: exp of the mean negative log-probability of its tokens, 1 and above."""

from __future__ import annotations

from math import exp

from distilray.rows import Row
from distilray.steps.base import Model
from distilray.steps.shared.tokens import conversation_tokens


async def perplexity(student: Model, tokenizer: str, row: Row, answer: str) -> float | None:
    """Of ``answer`` to the row's conversation, under the student's own chat template; None for an answer without
    tokens. ``tokenizer`` is the student's."""
    tokens, start = await conversation_tokens(tokenizer, row.messages, answer)
    return exp(-await student.mean_log_prob(tokens, start)) if start < len(tokens) else None
