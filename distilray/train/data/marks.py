"""Generation marks: a template of one's own may say which part of the assistant's turn is trained.

    {% generation %}{{ m.content }}<|im_end|>{% endgeneration %}

Rendering finds what the assistant writes, under any template. Marks inside it narrow that down: tokens of a turn that
are outside of them are not trained.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from distilray.train.data.template import Turns
from distilray.train.data.turns import Written

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MARK = re.compile(r"\{%-?\s*generation\s*-?%\}")
Range = tuple[int, int]


def has_marks(template: str) -> bool:
    return MARK.search(template) is not None


class Marks:
    """The marked parts of conversations under a template that has marks."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, template: str, variables: dict[str, Any]) -> None:
        self.tokenizer, self.template = tokenizer, template
        self.variables = {**tokenizer.special_tokens_map, **variables}

    def unmarked(self, turns: Turns, written: Written) -> dict[int, list[int]]:
        """Places of tokens without a mark, by the piece of the assistant's that they are in."""
        marked, found = self._ranges(turns), {}
        start = 0
        for place, piece in enumerate(written.pieces):
            stop = start + len(piece)
            if place in written.by_assistant and not any(a <= start and stop <= b for a, b in marked):
                found[place] = self._outside(piece, [(a - start, b - start) for a, b in marked])
            start = stop
        return found

    def _ranges(self, turns: Turns) -> Sequence[Range]:
        from transformers.utils.chat_template_utils import render_jinja_template

        _, ranges = render_jinja_template(
            [[dict(turn) for turn in turns]],
            chat_template=self.template,
            return_assistant_tokens_mask=True,
            **self.variables,
        )
        return ranges[0]  # pyright: ignore[reportReturnType]

    def _outside(self, piece: str, marked: Sequence[Range]) -> list[int]:
        encoded = self.tokenizer(piece, add_special_tokens=False, return_offsets_mapping=True)
        offsets = encoded["offset_mapping"]
        return [k for k, (a, b) in enumerate(offsets) if not any(low < b and a < high for low, high in marked)]
