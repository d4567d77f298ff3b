"""A training's spec and settings with short defaults, for tests of trainings."""

from __future__ import annotations

from typing import Any

from distilray.storage import Store
from distilray.train import TrainingSpec, TrainSettings, method_named

SHORT: dict[str, Any] = {
    "student": "tiny", "max_steps": 12, "max_length": 256, "batch_size": 16, "micro_batch_size": 8, "precision": "fp32",
    "log_every": 1, "save_every": 4,
}  # fmt: skip


def spec_of(store: Store, settings: TrainSettings, student: str, out: str = "training/t", **more: Any) -> TrainingSpec:
    """The training of ``student`` with ``settings`` in the folder ``out``."""
    chosen = {"method": method_named(settings.kind), **more}
    return TrainingSpec(store=store, out=out, settings=settings, student_path=student, **chosen)
