"""A template tried on a short conversation: how it renders turns, or why a student cannot be trained under it.

A plan does it from the checkpoint's files, before a step is paid for; a training does it again with its tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import jinja2

from distilray.checkpoints import folder_here, is_local
from distilray.rows import join_reasoning
from distilray.train.data.ends import Ends, find_ends
from distilray.train.data.template import Template, Turns, read_template
from distilray.train.data.turns import ChangedTurn, Misrendered, TurnFormat, common_length, conversation
from distilray.train.errors import CannotTrain

ASK = {"role": "user", "content": "What is 2 + 3?"}
ANSWER = "It is 5."
REASONING = "2 and 3 make 5."
NEXT = {"role": "user", "content": "And 4 more?"}
NEXT_ANSWER = "It is 9."
THINK, THINK_END = "<think>", "</think>"
"""What :func:`~distilray.rows.join_reasoning` writes around a trace."""


class Asked(Protocol):
    """What a probe depends on of a training's settings."""

    @property
    def system(self) -> str | None: ...
    @property
    def think(self) -> bool: ...
    @property
    def trained_turns(self) -> str: ...


class OpensTrace(CannotTrain):
    """Every prompt ends where the student begins to reason, and there is no reasoning to go on with."""


WITHOUT_TEMPLATE = "its tokenizer has no chat template; add one as chat_template.jinja in that folder"


def check_chat(path: str, settings: Asked, variables: Mapping[str, Any]) -> Ends | None:
    """How turns end under the template of the checkpoint at ``path``; None where its files are not on this machine: it
    may be a hub name of which the hub's cache has no template.

    ``variables`` are the model's ``chat_template_kwargs``. Raises :class:`CannotTrain` if a student could not be
    trained under the template. Loads neither transformers nor the tokenizer.
    """
    folder = folder_here(path)
    if folder is None:
        return None
    try:
        template = read_template(folder, variables)
    except jinja2.TemplateError as error:
        raise CannotTrain(f"student {path!r}: its chat template is not valid Jinja: {error}; correct it") from error
    if template is None:
        if not is_local(path):
            return None  # the cache may hold a part of the files
        raise CannotTrain(f"student {path!r}: {WITHOUT_TEMPLATE}")
    return probe(template, settings, f"student {path!r}").ends


def probe(template: Template, settings: Asked, shown: str) -> TurnFormat:
    """How ``template`` renders turns with these settings. Raises :class:`CannotTrain`, beginning with ``shown``."""
    asked = [ASK] if settings.system is None else [{"role": "system", "content": settings.system}, ASK]
    every = False
    try:
        ends = _ends(template, asked, shown)
        found = TurnFormat(template.render, ends, _opens(template, asked, settings.think, shown))
        content = join_reasoning(REASONING if settings.think else None, ANSWER)
        written = found.written(conversation(asked, content))
        if settings.think and found.opens is None:
            _check_trace(written.pieces[written.by_assistant[-1]], shown)
        if settings.trained_turns == "assistant":
            talk = [*conversation(asked, ANSWER), NEXT]
            last = join_reasoning(REASONING if settings.think else None, NEXT_ANSWER)
            every = True
            found.written(conversation(talk, last), every=True)
    except jinja2.TemplateError as error:
        system = f" with the system prompt {settings.system!r}" if settings.system is not None else ""
        raise CannotTrain(
            f"{shown}: its chat template refuses a conversation{system}: {error}. Change the template"
            + (", or leave `system` out" if system else "")
        ) from error
    except ChangedTurn as error:
        raise CannotTrain(
            f"{shown}: its chat template renders turn {error.turn}, which the assistant wrote as {error.asked!r}, as "
            f"{error.later!r} once the conversation goes on, so earlier turns cannot be trained as they are sampled. "
            "Set loss_on: answer, which trains the last turn of every row"
        ) from error
    except Misrendered as error:
        remedy = ". Set loss_on: answer, which trains the last turn of every row" if every else ""
        raise CannotTrain(f"{shown}: its chat template cannot be trained under: {error}{remedy}") from error
    return found


def _check_trace(said: str, shown: str) -> None:
    before = said.partition(REASONING)[0]
    if THINK_END in before:
        raise CannotTrain(
            f"{shown}: its chat template writes {before!r} before a row's reasoning: it takes reasoning only apart "
            "from the answer, and a trace would follow an empty one. Give the model a template that reads <think> "
            "blocks (chat_template.jinja in its folder)"
        )


def _ends(template: Template, asked: Turns, shown: str) -> Ends:
    """From what the template writes after an answer, at the end and in the middle of a conversation."""
    answered = conversation(asked, ANSWER)
    last, more = template.render(answered, False), template.render([*answered, NEXT], False)
    if ANSWER not in last or ANSWER not in more:
        raise CannotTrain(f"{shown}: its chat template does not render what the assistant says")
    tail, following = last.rpartition(ANSWER)[2], more.rpartition(ANSWER)[2]
    ends = find_ends(tail, following, template.control_tokens, template.declared)
    if ends is None:
        raise CannotTrain(
            f"{shown}: its chat template writes {(tail or following)[:40]!r} after an answer, which no special token "
            "begins, so the student would never stop; write the token that ends a turn after the answer"
        )
    return ends


def _opens(template: Template, asked: Turns, think: bool, shown: str) -> str | None:
    """See :attr:`TurnFormat.opens`."""
    content = join_reasoning(REASONING if think else None, ANSWER)
    prompt, answered = template.render(asked, True), template.render(conversation(asked, content), False)
    if answered.startswith(prompt) and (not think or REASONING in answered[len(prompt) :]):
        return None
    opened = prompt[common_length(prompt, answered) :]
    if content.startswith(opened):
        return opened
    if not think and prompt.rstrip().endswith(THINK):
        opened = THINK
    if opened.strip() and join_reasoning(REASONING, ANSWER).startswith(opened):
        raise OpensTrace(
            f"{shown}: its chat template ends every prompt with {opened!r}, where the student begins to reason, and "
            "this training has no reasoning to go on with. Set think: true for rows with reasoning, or give the model "
            "a template without it (chat_template_kwargs, or chat_template.jinja in its folder)"
        )
    raise CannotTrain(
        f"{shown}: its chat template renders a prompt differently when an answer follows it (asked with "
        f"{prompt[-40:]!r}, answered as {answered[-80:]!r}), so the student would be prompted in a format that it was "
        "not trained on; make the template the same for both"
    )
