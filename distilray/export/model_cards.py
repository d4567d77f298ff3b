"""The model card of a student: a README.md in its checkpoint with metadata for the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilray.errors import counted
from distilray.export.dataset_cards import hub_license
from distilray.export.markdown import card_head, recipe_section, table
from distilray.train import TokenManifest, TrainingMethod, TrainSettings

ASK = "Ask it with the chat template in this folder and the system prompt below; another prompt is another model."
LABEL = "It gives a text one of the labels below: `kind: classifier` in a recipe, or transformers' text-classification."


def model_card(
    method: TrainingMethod,
    settings: TrainSettings,
    tokens: TokenManifest,
    *,
    title: str,
    base: str,
    licenses: Mapping[str, str | None],
    details: Mapping[str, Any],
    versions: Mapping[str, str],
    models: Mapping[str, str],
    recipe: str,
) -> str:
    """The card's text.

    Args:
        base: the checkpoint that the training began with.
        licenses: source of the rows to its license, ``None`` where it is not known. The base model's own license is not
            known here: its LICENSE file, if it has one, is in the same folder.
        details: results of the training, from its manifest.
        models: name in the recipe to the weights or endpoint of those that wrote or judged the rows.
        recipe: the resolved recipe, as YAML.
    """
    labels = bool(details.get("labels"))
    sources = [(name, hub_license(license)) for name, license in licenses.items()]
    facts = _facts(method, settings, tokens, base, details)
    parts = [
        card_head(_head(settings, base, labels)),
        f"# {title}\n\nTrained by distilray. {LABEL if labels else ASK}",
        "## Training\n\n" + table(("what", "value"), [(k, v) for k, v in facts.items() if v is not None]),
        *([_labels(details)] if labels else []),
        "## Data\n\n" + table(("source", "license"), sources),
    ]
    if models:
        parts.append("## Models that wrote or judged the rows\n\n" + table(("name", "model"), list(models.items())))
    parts.append("## Versions\n\n" + table(("package", "version"), list(versions.items())))
    return "\n\n".join([*parts, recipe_section(recipe)]) + "\n"


def _head(settings: TrainSettings, base: str, labels: bool) -> dict[str, Any]:
    head = {
        "library_name": "transformers",
        "pipeline_tag": "text-classification" if labels else "text-generation",
        "tags": ["distillation", settings.kind],
        "license": "other",
        "license_name": "that-of-the-base-model-and-of-the-data",
    }
    if not base.startswith(("/", ".")) and "://" not in base:
        head["base_model"] = base
    return head


def _facts(
    method: TrainingMethod, settings: TrainSettings, tokens: TokenManifest, base: str, details: Mapping[str, Any]
) -> dict[str, Any]:
    counts = tokens.counts
    facts = {
        "method": method.description + (", low-rank adapters" if settings.lora else ""),
        "base model": base,
        "plays a part in": _part(settings),
        "rows": f"{counts.kept:,} of {counts.rows_in:,}",
        "tokens trained on": f"{details.get('tokens', counts.tokens):,} in {details.get('steps', '?')} steps",
        "loss": f"{details['loss_first']:.4g} in the first step, {details['loss_last']:.4g} in the last",
        "held-out loss": details.get("held_out_loss"),
        "learning rate": f"{settings.learning_rate:g}, {settings.schedule}",
        "rows per step": settings.batch_size,
        "longest row": f"{counts.longest:,} tokens, at most {settings.max_length:,}",
        "sharding": f"{details.get('sharding')} over {counted(details.get('workers') or 0, 'worker')}, "
        f"{settings.precision}",
        "chat template": f"hash {tokens.renderer_hash}",
        "system prompt": "none" if settings.system is None else f"`{settings.system}`",
        "reasoning": "in a <think> block before the answer" if settings.think else "not shown",
    }
    if not method.is_generative:
        for fact in ("chat template", "system prompt", "reasoning"):
            del facts[fact]
    return facts | method.card_facts(settings)


def _part(settings: TrainSettings) -> str | None:
    """The step whose prompts the student was trained to answer, if any."""
    learn = settings.demonstrations
    if learn is None:
        return None
    which = ", ".join(f"`{prompt}`" for prompt in learn.prompts) or "all its prompts"
    return f"the step `{learn.step}`: {which}"


def _labels(details: Mapping[str, Any]) -> str:
    """Rows of each label, and the scores on held-out rows."""
    counts, held_out = details["rows_per_label"], details.get("held_out")
    if not held_out:
        return "## Labels\n\n" + table(("label", "rows trained on"), list(counts.items()))
    summary = (
        f"On {held_out['rows']:,} rows that it was not trained on: accuracy {held_out['accuracy']:.1%} ± "
        f"{held_out['standard_error']:.1%}, macro F1 {held_out['macro_f1']:.3f}. A line says what rows of one label "
        "were taken for."
    )
    heads = ("label", "rows trained on", "F1", *held_out["labels"])
    rows = [
        (label, counts[label], f"{held_out['per_label'][label]['f1']:.3f}", *taken)
        for label, taken in zip(held_out["labels"], held_out["confusion"], strict=True)
    ]
    return f"## Labels\n\n{summary}\n\n" + table(heads, rows)
