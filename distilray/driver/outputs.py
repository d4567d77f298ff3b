"""A run's kept rows as a data set for other trainers, with its card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import yaml

from distilray.export import Exported, ExportForm, FileFormat, dataset_card, export, write_card
from distilray.ledger import Manifest, UnitInput, kept_rows, list_stages, unit_columns
from distilray.recipe import parse
from distilray.rows import LABELS, TRAINING_MARKS, any_marks
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
    """Writes the kept rows below ``out`` (see :func:`distilray.export.export`), with the data set's card."""
    units = outputs(store)
    recipe_text = store.read("recipe.yaml").decode()
    recipe = parse(recipe_text, f"{store.shown}/recipe.yaml")
    exported = export(
        _tables(store, units),
        form,
        out,
        format=format,
        system=system,
        think=think,
        columns=columns,
        weights=any(_marked(store, unit) for unit in units),
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


def _tables(store: Store, units: Sequence[UnitInput]) -> Iterator[pa.Table]:
    for unit in units:
        yield kept_rows(store, unit)


def _marked(store: Store, unit: UnitInput) -> bool:
    """Whether a row or a turn of the unit is marked as not to be trained on, or an answer called bad."""
    columns = [name for name in unit_columns(store, unit) if name in ("extra", *TRAINING_MARKS, *LABELS)]
    return any_marks(kept_rows(store, unit, columns))


def _flow(store: Store) -> str:
    """Every step's counts, one line each."""
    lines = []
    for stage in list_stages(store):
        manifest = Manifest.read(store, stage.folder)
        for step in manifest.steps if manifest is not None else ():
            went = f"{step.kept:,} kept, {step.rejected:,} rejected, {step.failed:,} failed"
            lines.append(f"- {step.name}: {step.rows_in:,} in, {went}")
    return "\n".join(lines)
