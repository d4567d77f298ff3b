"""``metrics.jsonl`` and TensorBoard: one record every few steps, never two for the same step.

    {"step": 20, "epoch": 0.4, "loss": 1.83, "learning_rate": 0.001, "grad_norm": 0.7, "tokens": 122880,
     "tokens_per_second": 21034.0, "mfu": 0.31, "seconds": 6.1, "memory_gib": 0.9, "workers": 2, "eta_s": 42.0}

``tokens`` counts those of all rows so far, over all workers; ``seconds`` those spent in steps, over all sessions;
``mfu`` is the share of the devices' peak (see :mod:`distilray.train.memory.flops`; which peak is in the stage's
manifest); ``memory_gib`` is the peak of the first worker: of its GPU, or of the process on a CPU.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from distilray.storage import Store

METRICS = "metrics.jsonl"
DEVICE = "device.json"
"""The denominator of MFU: ``{"peak_tflops": ..., "peak": where the number is from}``."""
BEST_RECORD = "best.json"
"""Which evaluation was best, where its student is kept: ``{"step": 40, "held_out_loss": 0.612}``
and, where the student generates answers, ``held_out_right``."""
FLUSH_EVERY_S = 5.0


class MetricsLog:
    """Records of the training in ``out``; those after ``resumed_step`` are dropped, since they will be written
    again.
    """

    def __init__(self, store: Store, out: str, scratch: str, resumed_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.store, self.out, self.tensorboard = store, out, f"{out}/tensorboard"
        self.records = [record for record in read_metrics(store, out) if record["step"] <= resumed_step]
        self._flushed = time.monotonic()
        # Event files are appended to, which only disks can do; elsewhere they are copied when they are flushed.
        self._folder = store.full(self.tensorboard) if store.local else scratch
        self._events = SummaryWriter(self._folder, purge_step=resumed_step + 1 if resumed_step else None)

    @property
    def seconds(self) -> float:
        """Spent in steps so far."""
        return next((record["seconds"] for record in reversed(self.records) if "seconds" in record), 0.0)

    def add(self, record: dict[str, Any]) -> None:
        self.records.append(record)
        for name, value in record.items():
            if name != "step":
                self._events.add_scalar(f"train/{name}", value, record["step"])
        if time.monotonic() - self._flushed > FLUSH_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Publishes the records so far; called at every checkpoint, so that records and checkpoint agree."""
        text = "".join(json.dumps(record) + "\n" for record in self.records)
        self.store.write(f"{self.out}/{METRICS}", text.encode(), durable=False)
        self._events.flush()
        if not self.store.local:
            for name in os.listdir(self._folder):
                with open(os.path.join(self._folder, name), "rb") as file:
                    self.store.write(f"{self.tensorboard}/{name}", file.read(), durable=False)
        self._flushed = time.monotonic()

    def close(self) -> None:
        self.flush()
        self._events.close()


def read_metrics(store: Store, out: str) -> list[dict[str, Any]]:
    """The records of the training in ``out``, oldest first; empty if it has not written any yet."""
    path = f"{out}/{METRICS}"
    if not store.exists(path):
        return []
    return [json.loads(line) for line in store.read(path).decode().splitlines()]
