"""The student of the best evaluation, kept aside while the training goes on: what an early stop exports.

    <out>/best/step-00000040/    a whole checkpoint, as the export writes it
    <out>/best.json              {"step": 40, "held_out_loss": 0.612}, written after it

A later evaluation that is better replaces it. A killed training finds both, and writes them again where it evaluates
again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch.distributed as dist
from transformers import TrainerCallback

from distilray.train.loop import checkpoints
from distilray.train.loop.export import export_student
from distilray.train.loop.metrics import BEST_RECORD
from distilray.train.spec import Job

BEST = "best"


def evaluations_since_best(state: Any) -> int:
    """How many evaluations ago the student was best; 0: the last one is the best so far."""
    found = [_standing(record) for record in state.log_history if "eval_loss" in record]
    return len(found) - 1 - found.index(max(found))


def _standing(record: Mapping[str, float]) -> tuple[float, float]:
    """Higher is better: the share of right answers, where the student generates any, then the held-out loss."""
    loss = record["eval_loss"]
    return record.get("eval_right", 0.0), -loss if math.isfinite(loss) else -math.inf


class KeepBest(TrainerCallback):
    """Exports the student to the store whenever an evaluation is the best so far: by right answers, or else by the
    held-out loss; all workers take part."""

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
            last = next(record for record in reversed(state.log_history) if "eval_loss" in record)
            right = {"held_out_right": last["eval_right"]} if "eval_right" in last else {}
            found = {"step": state.global_step, "held_out_loss": last["eval_loss"], **right}
            if hasattr(self.trainer, "measured"):  # a classifier's figures, of the student that is exported
                found["measured"] = self.trainer.measured
            store.write_json(f"{self.job.out}/{BEST_RECORD}", found)
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
