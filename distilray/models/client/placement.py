"""Where engines run: reservations of what one engine needs, on nodes where its model's engines start."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import ray
from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table

from distilray.errors import counted
from distilray.models.settings.base import ModelSettings

NODE = "ray.io/node-id"
"""The label that every Ray node has: its id."""


def size_of_engine(settings: ModelSettings) -> tuple[float, float, float]:
    """Orders engines by how hard they are to place: by GPUs of the largest piece, then of all, then by CPUs."""
    bundles = settings.bundles()
    gpus = [bundle.get("GPU", 0) for bundle in bundles]
    return max(gpus), sum(gpus), sum(bundle.get("CPU", 0) for bundle in bundles)


def reserve(name: str, settings: ModelSettings, avoided: Collection[str] = ()) -> PlacementGroup:
    """A reservation for one engine, pending until a node has room. Ray's autoscaler sees it and starts a node.

    ``avoided``: ids of nodes on which it must not be. Raises ``ValueError`` for selectors that Ray does not know.
    """
    bundles = settings.reserved_bundles()
    selector = dict(settings.label_selector)
    if avoided:
        selector.setdefault(NODE, f"!in({','.join(sorted(avoided))})")
    selectors = [selector] * len(bundles) if selector else None
    return placement_group(bundles, strategy="PACK", name=name, bundle_label_selector=selectors)  # pyright: ignore[reportArgumentType]


def place_of(group: PlacementGroup) -> list[str] | None:
    """Ids of the nodes of a reservation's pieces, in their order; None while it is not placed."""
    entry = placement_group_table(group)
    if entry.get("state") != "CREATED":
        return None
    nodes: Mapping[int, str] = entry["bundles_to_node_id"]
    return [nodes[piece] for piece in sorted(nodes)]


def living_nodes() -> dict[str, dict[str, float]]:
    """Ids of the nodes that can hold an engine, and their resources."""
    return {
        node["NodeID"]: node["Resources"]
        for node in ray.nodes()
        if node["Alive"] and (node["Resources"].get("CPU") or node["Resources"].get("GPU"))
    }


def on_this_machine() -> bool:
    """Whether this process started the cluster, which then never has another node."""
    node = ray._private.worker._global_node  # pyright: ignore[reportPrivateImportUsage]
    return node is not None and node.is_head()


def needs_of(settings: ModelSettings) -> str:
    """What one engine needs, for messages: ``"8 GPUs (H100) and 4 CPUs"``, with the pieces that may be apart."""
    bundles = settings.bundles()
    text = _amounts(bundles[0]) + (f" and {len(bundles) - 1} x {_amounts(bundles[1])}" if len(bundles) > 1 else "")
    wanted = [settings.accelerator_type] if settings.accelerator_type else []
    wanted += [f"{key}={value}" for key, value in settings.label_selector.items()]
    return f"{text} ({', '.join(wanted)})" if wanted else text


def _amounts(bundle: Mapping[str, float]) -> str:
    return " and ".join(counted(bundle[name], name) for name in ("GPU", "CPU") if bundle.get(name)) or "nothing"


def totals(resources: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """CPUs and GPUs of several nodes together."""
    every = list(resources)
    return {name: sum(entry.get(name, 0) for entry in every) for name in ("CPU", "GPU")}
