"""A prompt: a template and the strict parser of its reply, together, with a hash.

The template is a Jinja file a language, ``templates/NAME.LANGUAGE.jinja``. Its first block (up to a line of
``---``) is the system message, the rest the user message; with nothing after that line the row's own
conversation is the user's side. What is constant comes first, then the row, then what varies between calls
about the same row, so that engines share cached prefixes.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import jinja2

from distilray.models import Constraint
from distilray.rows import Row

T = TypeVar("T")

TEMPLATES = Path(__file__).parent / "templates"


def conversation(row: Row) -> str:
    """The row's conversation as a template shows it: the question alone, or every turn under its speaker's
    name."""
    if len(row.messages) == 1:
        return row.instruction
    return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in row.messages)


_environment = jinja2.Environment(
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=False,
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters["conversation"] = conversation


_GLOBALS = dict(_environment.globals)


@cache
def _compiled(text: str) -> jinja2.Template:
    return _environment.from_string(text)


def _rendered(text: str, row: Row, variables: dict[str, Any]) -> str:
    """``text`` as :meth:`jinja2.Template.render` gives it, whose context copies the globals' chain for every row."""
    template = _compiled(text)
    context = template.new_context({**_GLOBALS, **variables, "row": row}, shared=True)
    return "".join(template.root_render_func(context)).strip()


def template_texts() -> dict[str, str]:
    """The text of every template of distilray's own prompts, by ``NAME.LANGUAGE``."""
    files = sorted(TEMPLATES.glob("*.jinja"))
    return {path.name.removesuffix(".jinja"): path.read_text("utf-8") for path in files}


class Prompt(Generic[T]):
    """What is asked and how the reply is read.

    ``templates`` maps a language to template text (or give ``name`` alone to read the files beside this
    module); ``parse`` turns the text of a whole reply into ``T`` or raises :class:`ValueError` that says what
    was expected; ``constraint`` makes the engine produce only replies of that form.
    """

    def __init__(
        self,
        name: str,
        parse: Callable[[str], T],
        *,
        constraint: Constraint | None = None,
        templates: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.parse = parse
        self.constraint = constraint
        self.templates = templates or {
            path.name.split(".")[-2]: path.read_text("utf-8") for path in TEMPLATES.glob(f"{name}.*.jinja")
        }
        if not self.templates:
            raise FileNotFoundError(f"no template {name}.<language>.jinja in {TEMPLATES}")

    def __repr__(self) -> str:
        return f"Prompt({self.name!r})"

    @cached_property
    def wording(self) -> str:
        """Hash of the templates alone: what a model that was trained on this prompt depends on (12 hex
        digits)."""
        digest = hashlib.blake2b(digest_size=6)
        for language in sorted(self.templates):
            digest.update(f"{language}\0{self.templates[language]}\0".encode())
        return digest.hexdigest()

    @cached_property
    def hash(self) -> str:
        """Changes when a template, the constraint or the parser's source changes (12 hex digits)."""
        digest = hashlib.blake2b(self.wording.encode(), digest_size=6)
        digest.update(repr(self.constraint).encode())
        digest.update(inspect.getsource(self.parse).encode())
        return digest.hexdigest()

    def messages(self, row: Row, **variables: Any) -> list[dict[str, str]]:
        """The conversation to send about ``row``: ``[{"role": "system", ...}, {"role": "user", ...}]``.

        The template sees ``row`` and ``variables``; a variable that it needs and does not get is an error.
        Where the template leaves the user's side to the row, a system message of the row follows the
        template's own in one system message, since chat templates know only one.
        """
        template = self.templates.get(row.language) or self.templates["en"]
        system, mark, user = f"\n{template.strip()}\n".partition("\n---\n")
        if not mark:
            system, user = "", template
        parts = [_rendered(system, row, variables)] if system.strip() else []
        if user.strip():
            turns = [{"role": "user", "content": _rendered(user, row, variables)}]
        else:
            parts += [message["content"] for message in row.messages if message["role"] == "system"]
            turns = [dict(message) for message in row.messages if message["role"] != "system"]
        if parts:
            turns.insert(0, {"role": "system", "content": "\n\n".join(parts)})
        return turns
