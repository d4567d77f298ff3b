"""Progress of a training, from its first worker to the driver: through a small actor, one record at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from distilray.storage import Store

WARNINGS = "warnings.json"
"""File below a training's folder: what it warned of, a list of texts."""


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """A snapshot of a running training."""

    name: str
    step: int
    steps: int
    loss: float
    tokens_per_second: float
    """Tokens of rows, padding not counted, over all workers."""
    eta_s: float
    """Seconds left at the current speed, checkpoints and export not counted."""
    stage: str = "training"
    """``starting``, ``training``, ``exporting``."""
    learning_rate: float | None = None
    grad_norm: float | None = None
    mfu: float | None = None
    memory_gib: float | None = None

    @classmethod
    def of(cls, name: str, record: dict[str, Any]) -> TrainProgress:
        """From a record as the first worker shows it."""
        return cls(
            name=name,
            step=record["step"],
            steps=record["steps"],
            loss=record["loss"],
            tokens_per_second=record["tokens_per_second"] or 0.0,
            eta_s=record["eta_s"],
            stage=record["stage"],
            learning_rate=record["learning_rate"],
            grad_norm=record["grad_norm"],
            mfu=record["mfu"],
            memory_gib=record["memory_gib"],
        )


def read_warnings(store: Store, out: str) -> list[str]:
    """What the training in ``out`` has warned of so far."""
    path = f"{out}/{WARNINGS}"
    return store.read_json(path) if store.exists(path) else []


def keep_warning(store: Store, out: str, text: str) -> bool:
    """Keeps ``text`` with the training in ``out``; False if it was there: what a continued training finds again is
    said once."""
    said = read_warnings(store, out)
    if text in said:
        return False
    store.write_json(f"{out}/{WARNINGS}", [*said, text])
    return True


OnProgress = Callable[[TrainProgress], None]


class ProgressBoard:
    """A Ray actor that keeps the newest record of a training; the driver looks, the first worker writes."""

    def __init__(self) -> None:
        self.newest: dict[str, Any] | None = None
        self.stopped: str | None = None
        self.said: list[str] = []

    def show(self, record: dict[str, Any]) -> None:
        self.newest = record

    def stop(self, why: str) -> None:
        """Records why the training stopped for good, though no worker died."""
        self.stopped = why

    def why_stopped(self) -> str | None:
        return self.stopped

    def warn(self, text: str) -> None:
        self.said.append(text)

    def warnings(self) -> list[str]:
        return self.said

    def look(self) -> dict[str, Any] | None:
        return self.newest
