"""Before a training: rows that a step's thresholds have all rejected stop the run, and it shows where the scores lie.

"step verify_quality kept none of 812 rows ({'rejected: answer below 9': 790, ...}): nothing is left to train on ...
 answer_quality over 812 rows (0 without a value): ..."
"""

from __future__ import annotations

import pyarrow as pa

from distilray.ledger import StageFiles, StepCounts, list_stages
from distilray.recipe import Recipe
from distilray.runner import RunStopped
from distilray.steps import Step, distribution
from distilray.storage import Store, read_parquet

STEPS, ROUND = "steps/", "/round-"


def refuse_nothing_left(store: Store, recipe: Recipe) -> None:
    """Raises :class:`RunStopped` if a step before the next training kept no row. What a round of a repeat keeps is not
    looked at: others may have kept some."""
    there = [stage for stage in list_stages(store) if stage.folder.startswith(STEPS) and stage.complete]
    stages = [stage for stage in there if stage.manifest is not None and stage.manifest.steps]
    if not stages or ROUND in stages[-1].folder or _last(stages[-1]).kept:
        return
    stage, counts = next(
        (stage, counts)
        for stage in stages
        if stage.manifest is not None and ROUND not in stage.folder
        for counts in stage.manifest.steps
        if not counts.kept
    )
    shown = "\n".join(distribution(_columns(store, stage, name), name) for name in _scores(recipe, counts.name))
    raise RunStopped(
        f"step {counts.name} kept none of {counts.rows_in:,} rows ({counts.reasons}): nothing is left to train on. "
        "Relax its settings and run again: earlier steps are kept" + (f"\n{shown}" if shown else "")
    )


def _last(stage: StageFiles) -> StepCounts:
    assert stage.manifest is not None
    return stage.manifest.steps[-1]


def _scores(recipe: Recipe, name: str) -> tuple[str, ...]:
    """The columns by which the step ``name`` rejects rows."""
    step = next((entry.named.step for entry in recipe.all_steps() if entry.name == name), None)
    return step.score_columns if isinstance(step, Step) else ()


def _columns(store: Store, stage: StageFiles, name: str) -> pa.Table:
    wanted = ("id", "task", "language", name)
    return pa.concat_tables([read_parquet(store, path, wanted) for path in stage.units.values()])
