"""A run's kept rows as a data set for other trainers, with its card."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from distilray.driver.shards import divided, has_marks
from distilray.export import Exported, ExportForm, FileFormat, Records, dataset_card, export, write_card
from distilray.ledger import Manifest, UnitInput, kept_rows, list_stages
from distilray.recipe import parse
from distilray.runner import RunStopped
from distilray.storage import Store

OUTPUTS = "outputs.json"


def record_outputs(store: Store, units: Sequence[tuple[str, UnitInput]]) -> None:
    """Records which files hold the rows that the last stage kept."""
    store.write_json(OUTPUTS, [[name, unit.path, list(unit.decisions)] for name, unit in units])


def outputs(store: Store) -> list[UnitInput]:
    """The units that the run's last stage kept. Raises :class:`RunStopped` if it has not finished its steps."""
    if not store.exists(OUTPUTS):
        raise RunStopped(f"{store.shown} has not finished its steps; run it again first")
    return [UnitInput(path, tuple(decisions)) for _, path, decisions in store.read_json(OUTPUTS)]


def export_run(
    store: Store,
    out: str,
    *,
    form: ExportForm = "messages",
    format: FileFormat = "parquet",
    system: str | None = None,
    think: bool = False,
    columns: Sequence[str] = (),
) -> Exported:
    """Writes the kept rows below ``out`` (see :func:`distilray.export.export`), with the data set's card. Many are
    written as several files, side by side.
    """
    units = outputs(store)
    recipe_text = store.read("recipe.yaml").decode()
    recipe = parse(recipe_text, f"{store.shown}/recipe.yaml")
    records = Records(form, format, system, think, tuple(columns))
    shards = divided(store, units, format)
    if len(shards) > 1:
        from distilray.driver.sharded_export import export_side_by_side

        exported = export_side_by_side(store, shards, records, out, recipe.resources)
    else:
        exported = export(
            (kept_rows(store, unit) for unit in units),
            form,
            out,
            format=format,
            system=system,
            think=think,
            columns=columns,
            weights=any(has_marks(store, unit) for unit in units),
        )
    prompts = {
        prompt.name: prompt.hash
        for entry in recipe.all_steps()
        for prompt in getattr(entry.named.step, "prompts_used", tuple)()
    }
    write_card(
        out,
        dataset_card(
            exported,
            title=recipe.name,
            licenses={source.name: source.license for source in recipe.sources},
            models={name: model.title for name, model in recipe.models.items()},
            prompts=prompts,
            recipe=yaml.safe_dump(yaml.safe_load(recipe_text), sort_keys=False, allow_unicode=True),
            steps=_flow(store),
        ),
    )
    return exported


def _flow(store: Store) -> str:
    """Every step's counts, one line each."""
    lines = []
    for stage in list_stages(store):
        manifest = Manifest.read(store, stage.folder)
        for step in manifest.steps if manifest is not None else ():
            went = f"{step.kept:,} kept, {step.rejected:,} rejected, {step.failed:,} failed"
            lines.append(f"- {step.name}: {step.rows_in:,} in, {went}")
    return "\n".join(lines)
