"""The chat template of a checkpoint, identified by its hash.

A student asked with another template than the one it was trained with answers worse, without any error. So a model can
be served with the hash of the intended template, and a replica that finds another one refuses to start.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from distilray.errors import InputError


class TemplateChanged(InputError, ValueError):
    """The checkpoint's chat template is not the one that was asked for."""


def chat_template(checkpoint: Path) -> Any:
    """The template of the local ``checkpoint``, wherever it is kept: chat_template.jinja, chat_templates/,
    chat_template.json or the tokenizer's settings. A text, several by name, or None."""
    if (checkpoint / "chat_template.jinja").is_file():
        return (checkpoint / "chat_template.jinja").read_text("utf-8")
    if (checkpoint / "chat_templates").is_dir():
        return {file.stem: file.read_text("utf-8") for file in sorted((checkpoint / "chat_templates").glob("*.jinja"))}
    for name in ("chat_template.json", "tokenizer_config.json"):
        if (checkpoint / name).is_file():
            found = json.loads((checkpoint / name).read_text("utf-8")).get("chat_template")
            if found:
                return found
    return None


def template_hash(checkpoint: Path) -> str | None:
    """12 hex digits of the chat template's text alone; None where the local ``checkpoint`` has no template."""
    return template_ids(chat_template(checkpoint)).get("hash")


def template_ids(template: Any) -> dict[str, str]:
    """What identifies a chat template (a text, or several): its ``hash``, and of a text the ``sha256`` by which
    lm-evaluation-harness knows it. Empty for None."""
    if template is None:
        return {}
    text = template if isinstance(template, str) else json.dumps(template, sort_keys=True)
    found = {"hash": hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}
    return found | {"sha256": hashlib.sha256(text.encode()).hexdigest()} if isinstance(template, str) else found


def check_template(checkpoint: Path, wanted: str | None) -> None:
    """Raise :class:`TemplateChanged` if ``checkpoint`` has another template than ``wanted`` (None: any)."""
    found = template_hash(checkpoint)
    if wanted is not None and found != wanted:
        raise TemplateChanged(
            f"{checkpoint}: its chat template has the hash {found}, expected {wanted}. Restore the template that the "
            "student was trained with, or remove template_hash"
        )
