"""Engines and reservations that an earlier driver of the same run left behind."""

from __future__ import annotations

import ray
from ray.util import list_named_actors
from ray.util.placement_group import PlacementGroup, placement_group_table, remove_placement_group

NAMESPACE = "distilray"


def remove_orphans(run: str) -> int:
    """Stop engines and reservations named after ``run``; returns how many there were. The caller holds the run's lease,
    so no other driver uses them."""
    prefix = f"distilray/{run}/"
    found = 0
    for named in list_named_actors(all_namespaces=True):
        if named["namespace"] == NAMESPACE and named["name"].startswith(prefix):
            try:
                ray.kill(ray.get_actor(named["name"], namespace=NAMESPACE))
            except ValueError:  # it died between the two calls
                continue
            found += 1
    for group, entry in placement_group_table().items():
        if entry["name"].startswith(prefix) and entry["state"] != "REMOVED":
            remove_placement_group(PlacementGroup(ray.PlacementGroupID.from_hex(group)))
            found += 1
    return found
