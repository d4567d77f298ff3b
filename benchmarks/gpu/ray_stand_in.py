"""A stand-in for the little of ray.train that a training's worker uses, for a machine without Ray: one worker."""

from __future__ import annotations

import sys
import types
from typing import Any


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


def install() -> None:
    """Makes ``import ray.train`` find the stand-in in this process."""
    ray, train = types.ModuleType("ray"), types.ModuleType("ray.train")
    train.get_context = Context  # type: ignore[attr-defined]
    ray.train = train  # type: ignore[attr-defined]
    sys.modules |= {"ray": ray, "ray.train": train}
