"""Which nodes may join a connected cluster: what is said about its autoscaler.

Ray's autoscaler does not tell which nodes it may start. Whoever sets a cluster up can:
``DISTILRAY_MAY_JOIN='[{"count": 8, "cpus": 96, "gpus": 8, "accelerator": "H100"}]'`` in the driver's environment; some
platforms write it into the cluster's configuration.
"""

from __future__ import annotations

import json
import os
from typing import Any

import ray
from pydantic import TypeAdapter, ValidationError
from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray.autoscaler.v2.utils import is_autoscaler_v2
from ray.experimental.internal_kv import _internal_kv_get

from distilray.errors import InputError
from distilray.models import on_this_machine
from distilray.planning import Nodes

DECLARED = "DISTILRAY_MAY_JOIN"
READ_ONLY = "node_"
"""How the types of nodes are named that the autoscaler only watches, as in a cluster that was started by hand."""
MANY = 10_000
"""Nodes of a group without a limit."""


class WrongNodes(InputError):
    """What the environment says about nodes that may join is not a list of nodes."""


def autoscaler() -> tuple[bool, tuple[Nodes, ...]]:
    """Whether something starts nodes for the connected cluster when they are asked for, and which, where that is known.

    Raises :class:`WrongNodes`.
    """
    if declared := os.environ.get(DECLARED):
        try:
            return True, tuple(TypeAdapter(list[Nodes]).validate_json(declared))
        except ValidationError as error:
            raise WrongNodes(
                f"{DECLARED} is {declared!r}: {error.errors()[0]['msg']}; give a list such as "
                '[{"count": 8, "cpus": 96, "gpus": 8, "accelerator": "H100"}]'
            ) from error
    if on_this_machine():
        return False, ()
    state: Any = ray._private  # pyright: ignore[reportPrivateImportUsage]
    config: Any = state.state.state.get_cluster_config()
    groups = tuple(_nodes(group) for group in config.node_group_configs if group.max_count) if config else ()
    return bool(groups) or _works(), groups


def _nodes(group: Any) -> Nodes:
    resources = dict(group.resources)
    marks = [name.removeprefix("accelerator_type:") for name in resources if name.startswith("accelerator_type:")]
    count = MANY if group.max_count < 0 else group.max_count
    return Nodes(count, resources.get("CPU", 0), resources.get("GPU", 0), marks[0] if marks else "")


def _works() -> bool:
    """Whether an autoscaler of Ray's, of either version, is at work that does more than watch."""
    if is_autoscaler_v2(fetch_from_server=True):
        return True
    status = json.loads(_internal_kv_get(DEBUG_AUTOSCALING_STATUS) or "{}")
    types = status.get("autoscaler_report", {}).get("active_nodes", {})
    return any(not name.startswith(READ_ONLY) for name in types)
