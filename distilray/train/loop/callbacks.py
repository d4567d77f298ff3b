"""What every trainer checks or decides between its steps."""

from __future__ import annotations

from typing import Any

from transformers import Trainer, TrainerCallback

from distilray.train.distributed import sharding
from distilray.train.loop.best import evaluations_since_best


class EarlyStop(TrainerCallback):
    """Stops when the student has not become better for ``patience`` evaluations; its state is part of the trainer's, so
    that a resumed training stops where an uninterrupted one does."""

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if evaluations_since_best(state) >= self.patience:
            control.should_training_stop = True


class Sharded(TrainerCallback):
    """Checks once, when training begins, that FSDP has sharded the student: a silent DDP would not fit later."""

    def __init__(self, trainer: Trainer, workers: int) -> None:
        self.trainer, self.workers = trainer, workers

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        sharding.assert_sharded(self.trainer.model, self.workers)


class StopAt(TrainerCallback):
    """Ends a step range of a training with a checkpoint, from which the next one continues."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step >= self.step:
            control.should_save = control.should_log = control.should_training_stop = True
