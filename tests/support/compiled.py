"""Fine-tuning that waits to be killed and counts the graphs compiled since; for tests of compiled trainings."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from transformers import TrainerCallback

from distilray.storage import Store
from distilray.train import SFT
from distilray.train.loop.context import WorkerContext
from distilray.train.spec import Job

GRAPHS, KILLED = "graphs.json", "killed"
WAITS_AT, WAITS_S = 6, 180


class Waiting(TrainerCallback):
    """Goes on behind step ``WAITS_AT`` once ``KILLED`` is there, so that a kill always finds steps left to do."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        until = time.monotonic() + WAITS_S
        while state.global_step == WAITS_AT and not self.store.exists(KILLED) and time.monotonic() < until:
            time.sleep(0.1)


class CountedSFT(SFT):
    description: ClassVar = "supervised fine-tuning, its graphs counted"

    def trainer(self, context: WorkerContext) -> Any:
        trainer = super().trainer(context)
        trainer.add_callback(Waiting(context.job.store))
        return trainer

    def finish_in_workers(self, job: Job, trainer: Any) -> None:
        import torch

        if trainer.is_world_process_zero():
            job.store.write_json(f"{job.out}/{GRAPHS}", torch._dynamo.utils.counters["stats"]["unique_graphs"])
