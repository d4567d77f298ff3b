"""The chat template of a checkpoint, known by its hash.

A student asked in another template than the one it was trained with answers worse, and says nothing about it. So a
model can be served with the hash of the template that is meant, and a replica that finds another refuses to start.
"""

import hashlib
import json
from pathlib import Path

from distilray.errors import InputError


class TemplateChanged(InputError, ValueError):
    """The checkpoint's chat template is not the one that was asked for."""


def chat_template(checkpoint: Path) -> str | None:
    """The template that ``checkpoint`` is asked with: chat_template.jinja, or the tokenizer's settings."""
    if (checkpoint / "chat_template.jinja").is_file():
        return (checkpoint / "chat_template.jinja").read_text("utf-8")
    settings = checkpoint / "tokenizer_config.json"
    return json.loads(settings.read_text("utf-8")).get("chat_template") if settings.is_file() else None


def template_hash(checkpoint: Path) -> str | None:
    """12 hex digits of the chat template of the local ``checkpoint``; ``None`` where it has none."""
    template = chat_template(checkpoint)
    if template is None:
        return None
    text = template if isinstance(template, str) else json.dumps(template, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def check_template(checkpoint: Path, wanted: str | None) -> None:
    """Raise :class:`TemplateChanged` where ``checkpoint`` has another template than ``wanted`` (``None``: any)."""
    found = template_hash(checkpoint)
    if wanted is not None and found != wanted:
        raise TemplateChanged(
            f"{checkpoint}: its chat template has the hash {found}, but {wanted} is the one meant to be served. "
            "Put the template of the training back beside the weights, or drop template_hash"
        )
