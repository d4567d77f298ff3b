"""Ray Train with as many workers as fit, among the numbers that can share a batch; the only module that depends on
how Ray Train decides.

Ray's elastic policy (``ScalingConfig(num_workers=(1, 4))``) accepts every number up to the maximum. With three workers
a batch of 64 rows cannot be shared evenly, and a step would no longer be the recipe's, so the number is rounded down to
one that can. When a worker dies, Ray counts again and restarts the group from the last checkpoint; when machines
join, it does the same at its next check (every minute).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray.train.torch import TorchTrainer
from ray.train.v2._internal.execution.scaling_policy import ElasticScalingPolicy


class EvenShares(ElasticScalingPolicy):
    """``worker_counts``: the numbers of workers to choose among."""

    def __init__(self, scaling_config: Any, worker_counts: Sequence[int]) -> None:
        super().__init__(scaling_config)
        self.worker_counts = sorted(worker_counts)

    def _count_possible_workers(self, reserved_resources: Mapping[str, Any]) -> int:
        """``reserved_resources``: of every node, by its id; Ray looks for dead ones only every 20 s."""
        if ray.is_initialized():
            dead = {node["NodeID"] for node in ray.nodes() if not node["Alive"]}
            reserved_resources = {node: some for node, some in reserved_resources.items() if node not in dead}
        possible = super()._count_possible_workers(reserved_resources)
        return max((count for count in self.worker_counts if count <= possible), default=0)


class ElasticTrainer(TorchTrainer):
    """A :class:`TorchTrainer` whose number of workers, where it may change, is one of ``worker_counts``."""

    def __init__(self, *args: Any, worker_counts: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.worker_counts = worker_counts

    def _initialize_and_run_controller(self, **parts: Any) -> Any:
        if self.scaling_config.elasticity_enabled:
            parts["scaling_policy"] = EvenShares(self.scaling_config, self.worker_counts)
        return super()._initialize_and_run_controller(**parts)
