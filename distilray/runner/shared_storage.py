"""Whether all nodes of a cluster see one run directory.

A run directory on a local disk serves one machine. On several, each node would write its units to a folder of its own,
and nobody would miss them before the end. So every node looks for a file that the driver has just written.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from distilray.errors import InputError
from distilray.storage import Store

PATIENCE_S = 10.0
"""Network disks may show a new file late."""
ANSWERS_S = 120.0
"""A node that has not said anything by then is judged by its runners, which look again when they start."""


class RunIsNotShared(InputError):
    """Nodes of the cluster do not see the run directory."""


def require_shared(store: Store) -> None:
    """Raises :class:`RunIsNotShared` if the run is in a folder that nodes of the connected cluster do not see."""
    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    if not store.local or len(nodes) < 2:
        return
    probe = f"probe-{uuid.uuid4().hex}"
    store.write(probe, probe.encode(), durable=False)
    try:
        blind = _blind(store, probe, nodes)
    finally:
        store.delete(probe)
    if blind:
        raise RunIsNotShared(f"{refusal(store)} Not seen by {len(blind)} of {len(nodes)} nodes: {', '.join(blind[:5])}")


def refusal(store: Store) -> str:
    """What is wrong, and the remedy."""
    return (
        f"{store.shown} is a folder that not every node of the cluster sees, so units would be scattered over disks. "
        "Give a run directory that all nodes share: --run s3://bucket/runs/name, or a folder on a disk that is mounted "
        "everywhere."
    )


def sees(store: Store, path: str, seconds: float = PATIENCE_S) -> bool:
    """Whether this node sees the file at ``path`` of the run, within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not store.exists(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def _blind(store: Store, probe: str, nodes: Mapping[str, str]) -> list[str]:
    """The addresses of nodes that do not see the file."""
    look: Any = ray.remote(sees)
    asked = {
        look.options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(
            store, probe
        ): address
        for node, address in nodes.items()
    }
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWERS_S)
    return [asked[look] for look in answered if not _answer(look)]


def _answer(look: Any) -> bool:
    try:
        found: Any = ray.get(look)
    except RayError:  # the node has gone meanwhile, or was never quite there
        return True
    return bool(found)
