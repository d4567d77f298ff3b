"""What a chat template makes of one turn and of several, with a trace and without: a row of a plan's table.

    template_findings(Path("checkpoints/qwen3"), {})
    # Findings(end="<|im_end|>", declared=True, system=True,
    #          one="yes, after '<think>\\n\\n</think>\\n\\n'", one_trace="yes",
    #          several="the last", several_trace="the last")

The student of a training is refused where the training's own settings do not work under its template (see
:mod:`distilray.train.data.probe`); this says what would work, and of teachers and judges too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from distilray.rows import join_reasoning
from distilray.train.data.probe import ANSWER, ASK, NEXT, NEXT_ANSWER, REASONING, OpensTrace, probe
from distilray.train.data.template import Template, read_template
from distilray.train.data.turns import Misrendered, TurnFormat, conversation
from distilray.train.errors import CannotTrain

SYSTEM = {"role": "system", "content": "You add numbers."}
EVERY, LAST, NO, OPENS = "every turn", "the last", "no", "no, prompts open a trace"


@dataclass(frozen=True)
class Findings:
    """Whether answers are trained as they are sampled under the template: ``yes``, with what the assistant writes
    before them where that is not in the row, or ``no``; of several turns those that can be."""

    end: str | None
    """The token that ends the assistant's turn; None where none does."""
    declared: bool
    """Whether generation stops there, by the checkpoint's own files."""
    system: bool
    """Whether a system prompt is rendered."""
    one: str
    one_trace: str
    several: str
    several_trace: str


@dataclass(frozen=True)
class _Asked:
    think: bool
    trained_turns: str = "answer"
    system: str | None = None


def template_findings(folder: Path, variables: Mapping[str, Any]) -> Findings | None:
    """Of the checkpoint in ``folder``; None where it has no chat template, or one that is not valid. Loads neither
    transformers nor the tokenizer."""
    try:
        template = read_template(folder, variables)
    except jinja2.TemplateError:
        return None
    if template is None:
        return None
    formats = {think: _format(template, think) for think in (False, True)}
    known = next((found for found in formats.values() if isinstance(found, TurnFormat)), None)
    (one, several), (one_trace, several_trace) = (_cells(template, formats[think], think) for think in (False, True))
    return Findings(
        end=known.ends.token if known else None,
        declared=known.ends.declared if known else False,
        system=_takes_system(template),
        one=one,
        one_trace=one_trace,
        several=several,
        several_trace=several_trace,
    )


def _format(template: Template, think: bool) -> TurnFormat | str:
    """How one turn is rendered, or that it is not."""
    try:
        return probe(template, _Asked(think), "")
    except OpensTrace:
        return OPENS
    except CannotTrain:
        return NO


def _cells(template: Template, found: TurnFormat | str, think: bool) -> tuple[str, str]:
    """What is said of one turn and of several."""
    if isinstance(found, str):
        return found, found
    content, first = join_reasoning(REASONING if think else None, ANSWER), REASONING if think else ANSWER
    written = found.written(conversation([ASK], content))
    before, given = (text.partition(first)[0] for text in (written.pieces[written.by_assistant[-1]], content))
    as_given = found.opens is not None or before.strip() in ("", given.strip())
    return "yes" if as_given else f"yes, after {before.removesuffix(given)!r}", _several(template, found, think)


def _several(template: Template, found: TurnFormat, think: bool) -> str:
    try:
        probe(template, _Asked(think, "assistant"), "")
    except CannotTrain:
        talk = [*conversation([ASK], ANSWER), NEXT]
        try:
            found.written(conversation(talk, join_reasoning(REASONING if think else None, NEXT_ANSWER)))
        except (Misrendered, jinja2.TemplateError):
            return NO
        return LAST
    return EVERY


def _takes_system(template: Template) -> bool:
    """With the answer too: some templates render it only in a conversation that ends with a question."""
    try:
        asked = template.render([SYSTEM, ASK], True)
        answered = template.render(conversation([SYSTEM, ASK], ANSWER), False)
    except jinja2.TemplateError:
        return False
    return SYSTEM["content"] in asked and SYSTEM["content"] in answered
