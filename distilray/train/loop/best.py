"""The student of the best evaluation, kept aside while the training goes on: what an early stop exports.

    <out>/best/step-00000040/    a whole checkpoint, as the export writes it
    <out>/best.json              {"step": 40, "held_out_loss": 0.612}, written after it

A later evaluation that is better replaces it. A killed training finds both, and writes them again where it evaluates
again.
"""

from __future__ import annotations

from typing import Any

import torch.distributed as dist
from transformers import TrainerCallback

from distilray.train.loop import checkpoints
from distilray.train.loop.export import export_student
from distilray.train.loop.metrics import BEST_RECORD
from distilray.train.spec import Job

BEST = "best"


def evaluations_since_best(state: Any) -> int:
    """How many evaluations ago the held-out loss was lowest; 0: the last one is the best so far."""
    losses = [record["eval_loss"] for record in state.log_history if "eval_loss" in record]
    return len(losses) - 1 - losses.index(min(losses))


class KeepBest(TrainerCallback):
    """Exports the student to the store whenever the held-out loss is the lowest so far; all workers take part."""

    def __init__(self, trainer: Any, job: Job) -> None:
        self.trainer, self.job = trainer, job

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        is_best = [evaluations_since_best(state) == 0]
        if dist.is_initialized():
            dist.broadcast_object_list(is_best)
        if not is_best[0]:
            return
        store, name = self.job.store, checkpoints.name_of(state.global_step)
        export_student(self.trainer, self.job, f"{self.job.out}/{BEST}/{name}")
        if state.is_world_process_zero:
            loss = next(record["eval_loss"] for record in reversed(state.log_history) if "eval_loss" in record)
            store.write_json(f"{self.job.out}/{BEST_RECORD}", {"step": state.global_step, "held_out_loss": loss})
            for other in store.names(f"{self.job.out}/{BEST}"):
                if other != name:
                    store.delete_dir(f"{self.job.out}/{BEST}/{other}")


def export_best(job: Job) -> bool:
    """Moves the best student to ``job.final``; false where none was kept. One worker calls it; called again after a
    kill, it finds what it has moved."""
    if not job.store.exists(f"{job.out}/{BEST_RECORD}"):
        return False
    step = job.store.read_json(f"{job.out}/{BEST_RECORD}")["step"]
    kept = f"{job.out}/{BEST}/{checkpoints.name_of(step)}"
    if job.store.names(kept):
        job.store.move_dir(kept, job.final, last="config.json")
    return bool(job.store.names(job.final))
