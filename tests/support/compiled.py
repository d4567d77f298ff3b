"""Fine-tuning that also tells how many graphs each worker compiled; for tests of compiled trainings."""

from __future__ import annotations

from typing import Any, ClassVar

from distilray.train import SFT
from distilray.train.spec import Job

GRAPHS = "graphs.json"


class CountedSFT(SFT):
    description: ClassVar = "supervised fine-tuning, its graphs counted"

    def finish_in_workers(self, job: Job, trainer: Any) -> None:
        import torch

        if trainer.is_world_process_zero():
            job.store.write_json(f"{job.out}/{GRAPHS}", torch._dynamo.utils.counters["stats"]["unique_graphs"])
