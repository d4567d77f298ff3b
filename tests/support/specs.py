"""What tests of trainings share: a training of which only the interesting parts are said."""

from __future__ import annotations

from typing import Any

from distilray.storage import Store
from distilray.train import TrainingSpec, TrainSettings, method_named


def spec_of(store: Store, settings: TrainSettings, student: str, out: str = "training/t", **more: Any) -> TrainingSpec:
    """The training of ``student`` with ``settings`` in the folder ``out``."""
    chosen = {"method": method_named(settings.kind), **more}
    return TrainingSpec(store=store, out=out, settings=settings, student_path=student, **chosen)
