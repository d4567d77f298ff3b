"""Token files with two targets a row, and a training on them; for tests of distilling step-by-step."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from distilray.storage import Store
from distilray.train import StepByStepSettings
from distilray.train.data.tokens import tokenize_unit
from distilray.train.data.training_data import open_feed, write_feed
from distilray.train.methods.step_by_step.method import StepByStep
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units
from tests.support.trainer import BATCH, arguments_in, trained_here

STEPS = 6


def settings(**changes: Any) -> StepByStepSettings:
    return StepByStepSettings.model_validate({"student": "tiny", "epochs": 1, "max_length": 256, **changes})


def written(folder: Path, student: str, count: int = 64) -> tuple[Store, list[str]]:
    """A store in ``folder`` with the token files of ``count`` rows whose answers are single numbers."""
    store, paths = Store(folder), []
    made = [row | {"answer": row["answer"].rpartition(" ")[2]} for row in rows(count)]
    for number, unit in enumerate(write_units(store, made, size=32)):
        paths.append(f"training/step_by_step/tokens/unit-{number:06d}.parquet")
        tokenize_unit(spec_of(store, settings(), student), unit, paths[-1], "key")
    return store, paths


def trained(
    run: tuple[Store, list[str]],
    student: str,
    folder: Path,
    *,
    micro: int = BATCH,
    workers: int = 1,
    holdout: float = 0.0,
    steps: int = STEPS,
    more: dict[str, Any] | None = None,
    **changes: Any,
) -> Any:
    """The trainer after ``steps`` steps of ``BATCH`` rows in micro batches; each of ``workers`` calls it."""
    store, paths = run
    chosen = settings(learning_rate=3e-3, max_steps=steps, epochs=None, **changes)
    folder.mkdir(parents=True)
    kind = StepByStep()
    write_feed(store, paths, str(folder), holdout=holdout, pack_to=kind.pack_to(chosen))
    feed = open_feed(str(folder), packed=chosen.packing)
    arguments = arguments_in(folder, steps=steps, micro=micro, workers=workers, evaluate=holdout > 0) | (more or {})
    return trained_here(kind, SimpleNamespace(settings=chosen), arguments, feed, student, workers=workers)
