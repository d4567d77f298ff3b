"""What tests of several packages share; fixtures stand in tests/support."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster_start import alone
from tests.support.scheduling import FileScheduling

pytest_plugins = [
    "tests.support.models",
    "tests.support.stores",
    "tests.support.students",
    "tests.support.teachers",
    "tests.support.two_nodes",
]

STARTS = 5


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling:
    return FileScheduling(config, log)


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """One small local Ray cluster for the whole session."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  (otherwise workers run at nice 15)
    import ray

    for start in range(1, STARTS + 1):
        try:
            with alone():
                ray.init(address="local", num_cpus=4, include_dashboard=False, object_store_memory=300 * 2**20)
            break
        except Exception:  # a raylet dies when its agent takes more than 15 s to start, as on a busy machine
            ray.shutdown()
            if start == STARTS:
                raise
    yield
    ray.shutdown()
