"""A checkpoint's chat template, rendered from its files alone, so that a plan can try it without loading transformers.

    template = read_template(Path("checkpoints/student"), {"enable_thinking": False})
    template.render([{"role": "user", "content": "2+3?"}], True)
    # "<|im_start|>user\n2+3?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"

Tokenizers of transformers render the same text; a test compares the two for every template that TRL ships.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from distilray.checkpoints import chat_template, declared_stops

Turns = Sequence[Mapping[str, str]]
Render = Callable[[Turns, bool], str]
"""The text of a conversation; with True up to where the assistant begins to answer."""

TEMPLATE = "chat_template"
"""The template variable that replaces the checkpoint's own template."""

_WRONG = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True)
class Template:
    """A chat template as a function of turns, and the tokens that can end one."""

    render: Render
    control_tokens: frozenset[str]
    """Texts that the tokenizer reads as one token each."""
    declared: frozenset[str]
    """Those of them that generation stops at, by generation_config.json or the tokenizer."""


def template_text(own: Any, variables: Mapping[str, Any]) -> str | None:
    """The template in use, of several the default one: ``own``, unless ``variables`` replace it."""
    chosen = variables.get(TEMPLATE) or own
    if isinstance(chosen, list):
        chosen = {entry["name"]: entry["template"] for entry in chosen}
    return chosen.get("default") if isinstance(chosen, dict) else chosen


def read_template(folder: Path, variables: Mapping[str, Any]) -> Template | None:
    """The template of the local checkpoint in ``folder``; None where it has none."""
    text = template_text(chat_template(folder), variables)
    if not text:
        return None
    stops = declared_stops(folder)
    compiled = _environment().from_string(text)
    given = {**stops.named, **{name: value for name, value in variables.items() if name != TEMPLATE}}

    def render(turns: Turns, ask: bool) -> str:
        try:
            return compiled.render(
                messages=[dict(turn) for turn in turns], tools=None, documents=None, add_generation_prompt=ask, **given
            )
        except _WRONG as error:  # of an expression in the template
            raise jinja2.TemplateRuntimeError(f"{type(error).__name__}: {error}") from error

    return Template(render, frozenset(stops.ids) | frozenset(stops.named.values()), stops.declared)


class _Generation(Extension):
    """``{% generation %}`` blocks, which only say what the assistant wrote, are rendered as what is in them."""

    tags = {"generation"}  # noqa: RUF012 - jinja's own declaration is no ClassVar

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        line = next(parser.stream).lineno
        return jinja2.nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


def _environment() -> ImmutableSandboxedEnvironment:
    """What chat templates may rely on: the extensions, filters and functions that transformers documents."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    made.filters["tojson"] = _to_json
    made.globals["raise_exception"] = _refuse
    made.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return made


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)
