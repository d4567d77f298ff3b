"""Waiting until engines are gone: memory is free when the last of their processes has ended, not when Ray says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from distilray.errors import MachineryFault
from distilray.models.engines.guard import await_gone

GONE_S = 60.0
"""How long the processes of an engine that was killed may take to end. They take less than a second, unless the kernel
still waits for a device."""
ANSWER_S = 30.0
"""How long a node may take beyond that to tell."""


def guard_of(engine: str) -> str:
    """The name of an engine's guard; ``engine`` is the full name of its actor."""
    return f"{engine}/"


def nodes_of(groups: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Node to the names of the guards there may be on it, from the entries of the engines' placement groups, which are
    named as they are."""
    found: dict[str, list[str]] = {}
    for group in groups:
        node = group["bundles_to_node_id"].get(0)
        if node:  # none: it was never placed
            found.setdefault(node, []).append(guard_of(group["name"]))
    return found


def await_engines_gone(nodes: Mapping[str, Sequence[str]], timeout_s: float = GONE_S) -> None:
    """Returns when none of the guards, by node, is left. Raises :class:`~distilray.errors.MachineryFault` where
    processes outlive ``timeout_s``."""
    here = ray.get_runtime_context().get_node_id()
    asked = [
        ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))(
            await_gone
        ).remote(guards, timeout_s)
        for node, guards in nodes.items()
        if node != here
    ]
    left = await_gone(nodes.get(here, ()), timeout_s)
    if asked:
        answered, _ = ray.wait(asked, num_returns=len(asked), timeout=timeout_s + ANSWER_S)
        for ref in answered:
            try:
                found: Any = ray.get(ref)
            except ray.exceptions.RayError:  # the node is gone, and all that ran on it
                continue
            left |= found
    if left:
        names = ", ".join(f"{name.rstrip('/')} (process group {pid})" for pid, name in sorted(left.items()))
        raise MachineryFault(
            f"processes of {names} are still there {timeout_s:g} s after they were killed, with the memory that the "
            "next engines need. End them, or restart their machine, and run the same command again"
        )
