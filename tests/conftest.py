"""What tests of several packages share; fixtures stand in tests/support."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.support.models",
    "tests.support.stores",
    "tests.support.students",
    "tests.support.teachers",
    "tests.support.two_nodes",
]

STARTS = 5
CLUSTERS = ("ray_cluster", "nodes")
"""Fixtures that hold a Ray cluster."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups for ``--dist loadgroup``: what runs on a Ray cluster goes to one worker, so that each cluster is started
    once, and the tests of every other file stay together."""
    clusters: dict[Path, str] = {}
    for item in items:
        for name in CLUSTERS:
            if name in getattr(item, "fixturenames", ()):
                clusters[item.path] = name
    for item in items:
        item.add_marker(pytest.mark.xdist_group(clusters.get(item.path, str(item.path))))


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """One small local Ray cluster for the whole session."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  (otherwise workers run at nice 15)
    import ray

    for start in range(1, STARTS + 1):
        try:
            ray.init(address="local", num_cpus=4, include_dashboard=False, object_store_memory=300 * 2**20)
            break
        except Exception:  # a raylet dies when its agent takes more than 15 s to start, as on a busy machine
            ray.shutdown()
            if start == STARTS:
                raise
    yield
    ray.shutdown()
