"""Demonstrations: a request of a step about a row, and a reply that turned out well.

    Demonstration(SHORTEN_TRACE, row, {"trace": long, "answer": "861"}, reply=short).messages()
    # [{"role": "system", "content": "Condense a reasoning trace ..."}, {"role": "user", "content": "Problem: ..."}]

A model that is trained on them can replace the large model that wrote the replies: it is asked with the same
template, and its replies are read by the same parser. A step makes demonstrations from columns that it wrote:

    class Refine(Step):
        writes = {"answer": "string", "draft": "string"}
        demonstration_columns = ("answer", "draft")

        def demonstrations(self, row, parent):
            if row["draft"]:
                yield Demonstration(REFINE, row, {"draft": row["draft"]}, row["answer"])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from distilray.prompts import Prompt
from distilray.rows import Row


@dataclass(frozen=True)
class Demonstration:
    """``reply`` is the whole text that a model should reply to ``prompt`` about ``row``."""

    prompt: Prompt[Any]
    row: Row
    variables: Mapping[str, Any] = field(default_factory=dict)
    reply: str = ""

    def messages(self) -> list[dict[str, str]]:
        """The conversation that ends in the reply, just as the step sends it."""
        return self.prompt.messages(self.row, **self.variables)

    def objection(self) -> str | None:
        """Why the prompt's own parser would reject the reply; None if it accepts it."""
        try:
            self.prompt.parse(self.reply)
        except ValueError as error:
            return str(error)
        return None
