"""What tests of several packages share; fixtures stand in tests/support."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

pytest_plugins = [
    "tests.support.models",
    "tests.support.stores",
    "tests.support.students",
    "tests.support.teachers",
    "tests.support.two_nodes",
]

STARTS = 5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups for ``--dist loadgroup``: what shares the local Ray cluster goes to one worker, so that it is started
    once, and the tests of every other file stay together."""
    sharing = {item.path for item in items if "ray_cluster" in getattr(item, "fixturenames", ())}
    for item in items:
        item.add_marker(pytest.mark.xdist_group("ray_cluster" if item.path in sharing else str(item.path)))


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
