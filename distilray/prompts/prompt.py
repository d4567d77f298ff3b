"""A prompt: a template and the strict parser of its reply, together, with a hash.

The template is a Jinja file a language, ``templates/NAME.LANGUAGE.jinja``. Its first block (up to a line of ``---``)
is the system message, the rest the user message. What is constant comes first, then the row, then what varies
between calls about the same row, so that engines share cached prefixes.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import jinja2

from distilray.models import Constraint
from distilray.rows import Row

T = TypeVar("T")

TEMPLATES = Path(__file__).parent / "templates"

_environment = jinja2.Environment(
    undefined=jinja2.StrictUndefined, keep_trailing_newline=False, autoescape=False, trim_blocks=True
)


@lru_cache(maxsize=None)
def _compiled(text: str) -> jinja2.Template:
    return _environment.from_string(text)


class Prompt(Generic[T]):
    """What is asked and how the reply is read.

    ``templates`` maps a language to template text (or give ``name`` alone to read the files beside this module);
    ``parse`` turns the text of a whole reply into ``T`` or raises :class:`ValueError` that says what was expected;
    ``constraint`` makes the engine produce only replies of that form.
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
    def hash(self) -> str:
        """Changes when a template, the constraint or the parser's source changes (12 hex digits)."""
        digest = hashlib.blake2b(digest_size=6)
        for language in sorted(self.templates):
            digest.update(f"{language}\0{self.templates[language]}\0".encode())
        digest.update(repr(self.constraint).encode())
        digest.update(inspect.getsource(self.parse).encode())
        return digest.hexdigest()

    def messages(self, row: Row, **variables: Any) -> list[dict[str, str]]:
        """The conversation to send about ``row``: ``[{"role": "system", ...}, {"role": "user", ...}]``.

        The template sees ``row`` and ``variables``; a variable that it needs and does not get is an error.
        """
        template = self.templates.get(row.language) or self.templates["en"]
        system, _, user = template.rpartition("\n---\n")
        messages = []
        if system:
            messages.append({"role": "system", "content": _compiled(system).render(row=row, **variables).strip()})
        messages.append({"role": "user", "content": _compiled(user).render(row=row, **variables).strip()})
        return messages
