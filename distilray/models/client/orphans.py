"""Engines and reservations that an earlier driver of the same run left behind."""

from __future__ import annotations

import ray
from ray.util import list_named_actors
from ray.util.placement_group import PlacementGroup, placement_group_table, remove_placement_group

from distilray.models.client.gone import await_engines_gone, nodes_of

NAMESPACE = "distilray"
held: set[str] = set()
"""Full names of the engines that this process has started and not stopped: they are no orphans."""


def prefix(run: str) -> str:
    """What the names of a run's engines and reservations begin with."""
    return f"distilray/{run}/"


def remove_orphans(run: str) -> int:
    """Stop engines and reservations named after ``run`` that this process has not started, and wait until they are
    gone; returns how many there were. The caller holds the run's lease, so no other driver uses them."""
    ours = prefix(run)
    found = 0
    for named in list_named_actors(all_namespaces=True):
        name = named["name"]
        if named["namespace"] == NAMESPACE and name.startswith(ours) and name not in held:
            try:
                ray.kill(ray.get_actor(name, namespace=NAMESPACE))
            except ValueError:  # it died between the two calls
                continue
            found += 1
    groups = {
        group: entry
        for group, entry in placement_group_table().items()
        if entry["name"].startswith(ours) and entry["state"] != "REMOVED" and entry["name"] not in held
    }
    for group in groups:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID.from_hex(group)))
    await_engines_gone(nodes_of(groups.values()))
    return found + len(groups)
