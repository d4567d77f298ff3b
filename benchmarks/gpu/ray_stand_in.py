"""A stand-in for the little of ray.train that a training's worker uses, for a machine without Ray: one worker, whose
checkpoints are copied to a folder."""

from __future__ import annotations

import shutil
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Checkpoint:
    """A folder with a checkpoint."""

    def __init__(self, path: str, filesystem: Any = None) -> None:
        self.path, self.filesystem = path, filesystem

    @classmethod
    def from_directory(cls, path: str) -> Checkpoint:
        return cls(path)

    @contextmanager
    def as_directory(self) -> Iterator[str]:
        yield self.path


class Context:
    """The only worker."""

    def get_world_size(self) -> int:
        return 1

    def get_world_rank(self) -> int:
        return 0

    def get_local_rank(self) -> int:
        return 0

    def get_local_world_size(self) -> int:
        return 1

    def get_node_rank(self) -> int:
        return 0


class Board:
    """Stands in for the actor that shows progress: keeps the records."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.show = types.SimpleNamespace(remote=self.records.append)


def install(checkpoints: Path) -> None:
    """Makes ``import ray.train`` find the stand-in in this process; checkpoints are copied below ``checkpoints``."""

    def report(
        metrics: dict[str, Any], checkpoint: Checkpoint | None = None, checkpoint_dir_name: str = "", **_: Any
    ) -> None:
        if checkpoint is not None:
            shutil.copytree(checkpoint.path, checkpoints / checkpoint_dir_name, dirs_exist_ok=True)

    ray, train = types.ModuleType("ray"), types.ModuleType("ray.train")
    made = {"Checkpoint": Checkpoint, "get_context": Context, "report": report}
    for name, value in made.items():
        setattr(train, name, value)
    ray.train = train  # type: ignore[attr-defined]
    sys.modules |= {"ray": ray, "ray.train": train}
