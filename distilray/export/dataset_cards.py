"""The dataset card of an export: a README.md with metadata for Hugging Face's ``datasets`` and Hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.errors import counted
from distilray.export.exporters import Exported
from distilray.export.markdown import card_head, recipe_section, table

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

_LICENSES = {
    "mit", "apache-2.0", "cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0", "odc-by", "odbl", "pddl", "bsd-3-clause", "gpl-3.0", "openrail", "unknown",
}  # fmt: skip
"""Identifiers that the Hub knows, of those that data sets use; anything else is ``other``."""


def dataset_card(
    exported: Exported,
    *,
    title: str,
    licenses: Mapping[str, str | None],
    models: Mapping[str, str] | None = None,
    prompts: Mapping[str, str] | None = None,
    recipe: str | None = None,
    steps: str | None = None,
) -> str:
    """The card's text.

    Args:
        exported: what :func:`~distilray.export.export` returned.
        licenses: source name to the license of its texts, ``None`` where it is not known.
        models: role or name to the weights or endpoint that wrote or judged.
        prompts: prompt name to its hash.
        recipe: the resolved recipe, as YAML.
        steps: what each step did, in Markdown (counts per step).
    """
    parts = [card_head(_head(exported, title, licenses)), f"# {title}\n\n{_summary(exported)}"]
    parts.append("## Sources\n\n" + _sources(exported, licenses))
    if models:
        parts.append("## Models\n\n" + table(("role", "model"), models.items()))
    if prompts:
        parts.append("## Prompts\n\n" + table(("prompt", "hash"), prompts.items()))
    if steps:
        parts.append("## Steps\n\n" + steps)
    if recipe:
        parts.append(recipe_section(recipe))
    return "\n\n".join(parts) + "\n"


def hub_license(license: str | None) -> str:
    """The Hub's identifier of a license: ``"CC BY 4.0"`` is ``cc-by-4.0``, no license is ``unknown``."""
    name = "-".join((license or "unknown").lower().split())
    if name.startswith("odc-by"):
        return "odc-by"
    return name if name in _LICENSES else "other"


def _head(exported: Exported, title: str, licenses: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "pretty_name": title,
        "language": sorted(exported.languages),
        "license": sorted({hub_license(licenses.get(source)) for source in exported.sources}) or ["unknown"],
        "size_categories": [next((name for most, name in _SIZES if exported.rows < most), "n>1M")],
        "task_categories": ["text-generation"],
        "tags": ["distillation", "synthetic"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": list(exported.files)}]}],
    }


def _summary(exported: Exported) -> str:
    languages = ", ".join(f"{name} {rows:,}" for name, rows in sorted(exported.languages.items()))
    files = "*." + exported.format
    loader = "parquet" if exported.format == "parquet" else "json"
    lines = [
        f"{counted(exported.rows, 'row')} ({languages or 'none'}) in `{exported.form}` form, written by distilray.",
        f'\n```python\nload_dataset("{loader}", data_files="data/{files}", split="train")\n```',
    ]
    if exported.weights:
        lines.append("\nTurns of the assistant whose `weight` is 0 are not to be trained on, as their sources say.")
    if exported.skipped:
        reasons = ", ".join(f"{why} ({count:,})" for why, count in exported.skipped.most_common())
        lines.append(f"\nRows of the run that are not in it: {reasons}.")
    return "\n".join(lines)


def _sources(exported: Exported, licenses: Mapping[str, str | None]) -> str:
    rows = ((name, licenses.get(name) or "unknown", f"{n:,}") for name, n in exported.sources.most_common())
    return table(("source", "license", "rows"), rows)
