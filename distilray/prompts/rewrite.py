"""REWRITE: an answer in the words of a student-sized model; PRESERVED: does the rewrite say the same?

PRESERVED.parse('{"check": "all there", "answer_kept": true, "facts_kept": true, "nothing_added": true}')
-> Preserved(check='all there', answer_kept=True, facts_kept=True, nothing_added=True)
"""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, StrictBool, StrictStr

from distilray.models import Constraint
from distilray.prompts.json_reply import read_object
from distilray.prompts.prompt import Prompt

_ABOUT_ITSELF = re.compile(r"(here is|here's|below is|以下是|这是)[^\n]*(rewrit|rephras|reword|改写)", re.IGNORECASE)


class Preserved(BaseModel):
    """Of a rewrite against the answer that it was made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: StrictStr
    answer_kept: StrictBool
    facts_kept: StrictBool
    nothing_added: StrictBool

    @property
    def problem(self) -> str | None:
        """The first thing that is wrong."""
        if not self.answer_kept:
            return "another answer"
        if not self.facts_kept:
            return "facts lost"
        return None if self.nothing_added else "facts added"


def parse_rewrite(reply: str) -> str:
    """The answer alone, in any form, code included; no tags, and nothing said about the rewriting."""
    answer = reply.strip()
    if not answer:
        raise ValueError("expected a rewritten answer, found an empty reply")
    if "<think>" in answer or "</think>" in answer:
        raise ValueError("expected the answer alone, found <think> tags in it")
    if about := _ABOUT_ITSELF.match(answer):
        raise ValueError(f"expected the answer alone, found the preamble {about[0]!r}")
    return answer


def parse_preserved(reply: str) -> Preserved:
    """The JSON object and nothing around it but a code fence."""
    expected = 'expected one JSON object with "check" (text) and answer_kept, facts_kept, nothing_added (true or false)'
    return read_object(Preserved, reply, expected)


REWRITE = Prompt("rewrite", parse_rewrite)
"""Variables: ``answer``."""

_PROPERTIES = {"check": {"type": "string"}} | {
    name: {"type": "boolean"} for name in Preserved.model_fields if name != "check"
}
PRESERVED: Prompt[Preserved] = Prompt(
    "preserved",
    parse_preserved,
    constraint=Constraint(
        "json",
        {
            "type": "object",
            "properties": _PROPERTIES,
            "required": list(_PROPERTIES),
            "additionalProperties": False,
        },
    ),
)
"""Variables: ``answer``, the original; ``rewrite``."""
