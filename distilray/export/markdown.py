"""Parts of a card: a README.md with a YAML head that Hugging Face's Hub reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml


def card_head(head: Mapping[str, Any]) -> str:
    """The card's metadata, between lines of dashes."""
    return f"---\n{yaml.safe_dump(dict(head), sort_keys=False, allow_unicode=True)}---"


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def recipe_section(recipe: str) -> str:
    return f"## Recipe\n\n```yaml\n{recipe.strip()}\n```"
