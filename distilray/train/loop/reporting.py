"""What a training reports while it runs: records, progress and checkpoints, from inside the trainer's loop.

Ray Train's own callback for transformers copies the shared output folder from every rank, with no barrier; a kill
then leaves a checkpoint with a torn optimizer file. Here every worker sends its own part, and the checkpoint counts
only when all parts are there.
"""

from __future__ import annotations

import os
import resource
import time
from typing import Any

import numpy as np
import ray.train
import torch
from transformers import TrainerCallback

from distilray.train.loop.metrics import MetricsLog
from distilray.train.loop.saving import Uploads
from distilray.train.loop.steps import Work
from distilray.train.loop.trackers import Tracked
from distilray.train.memory.flops import Peak
from distilray.train.spec import Job

GIB = 2**30


class Reporting(TrainerCallback):
    """``tokens_at[k]`` are the tokens of the first ``k`` steps over all workers, ``rows`` the number of rows, ``work``
    their operations, ``peak`` the peak of a worker's device."""

    def __init__(
        self, job: Job, tokens_at: np.ndarray, rows: int, work: Work | None = None, peak: Peak | None = None
    ) -> None:
        self.store, self.out, self.board, self.names = job.store, job.out, job.board, job.method.metrics
        self.tokens_at, self.rows, self.batch_size = tokens_at, rows, job.settings.batch_size
        self.context = ray.train.get_context()
        self.first = self.context.get_world_rank() == 0
        self.log: MetricsLog | None = None
        self.settings, self.work, self.peak = job.settings, work, peak
        self.tracked: Tracked | None = None
        self.uploads = Uploads(
            self.store,
            f"{self.out}/checkpoints",
            worker=self.context.get_world_rank(),
            workers=self.context.get_world_size(),
            place=self.context.get_local_rank(),
            neighbours=self.context.get_local_world_size(),
            keep=job.settings.save_total_limit,
        )

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.first:
            scratch = os.path.join(args.output_dir, "tensorboard")
            self.log = MetricsLog(self.store, self.out, scratch, state.global_step)
            os.makedirs(scratch, exist_ok=True)
            self.tracked = Tracked(f"{self.store.shown}/{self.out}", self.settings, scratch)
        self.steps = state.max_steps
        self._mark, self._marked_step = time.monotonic(), state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.uploads.check()
        if state.global_step >= state.max_steps:
            control.should_log = True  # the last step too, where it is not a multiple of log_every

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        logs, step = logs or {}, state.global_step
        if "loss" not in logs and "eval_loss" not in logs:
            return
        if self.log is None:
            return
        if "eval_loss" in logs:
            others = {
                f"held_out_{name}": logs[f"eval_{key}"] for key, name in self.names.items() if f"eval_{key}" in logs
            }
            self._add({"step": step, "held_out_loss": logs["eval_loss"], **others})
            return
        now = time.monotonic()
        seconds = now - self._mark
        tokens = int(self.tokens_at[step] - self.tokens_at[self._marked_step])
        record = {
            "step": step,
            "epoch": round(step * self.batch_size / self.rows, 4),
            "loss": logs["loss"],
            "learning_rate": logs.get("learning_rate"),
            "grad_norm": logs.get("grad_norm"),
            "tokens": int(self.tokens_at[step]),
            "tokens_per_second": round(tokens / seconds, 1) if seconds else None,
            "mfu": self._mfu(step, seconds),
            "seconds": round(self.log.seconds + seconds, 3),
            "memory_gib": round(_peak_memory() / GIB, 3),
            "workers": self.context.get_world_size(),
            **{name: logs[key] for key, name in self.names.items() if key in logs},
        }
        per_step = seconds / max(1, step - self._marked_step)
        self._mark, self._marked_step = now, step
        record["eta_s"] = round((self.steps - step) * per_step, 1)
        self._add(record)
        self.board.show.remote({**record, "steps": self.steps, "stage": "training"})

    def _add(self, record: dict[str, Any]) -> None:
        assert self.log is not None and self.tracked is not None
        self.log.add(record)
        self.tracked.add(record)

    def _mfu(self, step: int, seconds: float) -> float | None:
        """Share of the peak of all workers' devices that the last steps reached."""
        if self.work is None or self.peak is None or not seconds:
            return None
        peak = self.context.get_world_size() * self.peak.tflops * 1e12
        return round(self.work.between(self._marked_step, step) / seconds / peak, 4)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.log is not None:
            self.log.flush()  # so that records and checkpoint agree
        self.uploads.begin(state.global_step, os.path.join(args.output_dir, f"checkpoint-{state.global_step}"))
        self._mark, self._marked_step = time.monotonic(), state.global_step

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.uploads.wait()
        if self.log is not None and self.tracked is not None:
            self.log.close()
            self.tracked.close()


def _peak_memory() -> int:
    """Bytes at the peak: of the GPU, gaps between tensors included, or of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
