"""The token that ends the assistant's turn under a chat template, and what a training's export declares as its eos.

    Qwen2.5-7B under its template      "It is 5.<|im_end|>\\n", where generation stops at <|endoftext|>
    Ends(token="<|im_end|>", end="<|im_end|>", tail="<|im_end|>\\n", declared=False)

A base model often knows only its pre-training's eos. The template's token is trained, and the exported checkpoint
declares it, or the student would never stop.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Ends:
    """How an answer ends."""

    token: str
    """The token that ends the turn."""
    end: str
    """What the assistant writes after its answer: the token, and white space before it where the template has some."""
    tail: str
    """What the template writes after an answer that ends the conversation."""
    declared: bool
    """Whether generation by the checkpoint stops at the token."""

    @property
    def rest(self) -> str:
        """What follows the assistant's turn in the rendered conversation; nobody writes it."""
        return self.tail.removeprefix(self.end) if self.tail.startswith(self.end) else ""


def find_ends(tail: str, following: str, control_tokens: Collection[str], declared: Collection[str]) -> Ends | None:
    """``tail``: what the template writes after a last answer; ``following``: after one that the user replies to, which
    counts where no token ends a last answer. None where neither begins with a control token."""
    for text in (tail, following):
        body = text.lstrip()
        token = max((some for some in control_tokens if some and body.startswith(some)), key=len, default=None)
        if token is not None:
            return Ends(token, text[: len(text) - len(body)] + token, tail, token in declared)
    return None
