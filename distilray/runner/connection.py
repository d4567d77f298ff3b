"""The Ray cluster of a run: the one that is there (``ray job submit``, ``RAY_ADDRESS``), or a local one."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from distilray.runner.context import Resources

STARTS = 4


@contextmanager
def cluster(resources: Resources) -> Iterator[None]:
    """Connects, or starts a local cluster and stops it at the end. One that was connected already is left alone."""
    if ray.is_initialized():
        yield
        return
    # Ray's workers run at nice 15 by default: on a machine of our own the engines are what it is for.
    os.environ.setdefault("RAY_worker_niceness", "0")
    if os.environ.get("RAY_ADDRESS") or os.environ.get("RAY_JOB_ID"):
        ray.init(address="auto", log_to_driver=False)
    else:
        # A token would protect the dashboard and the jobs server, which a local cluster does not start.
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        _start_local(resources)
    try:
        yield
    finally:
        ray.shutdown()


def _start_local(resources: Resources) -> None:
    """A cluster on this machine. Ray gives its daemons 30 s to come up, which a busy machine may overrun."""
    for attempt in range(STARTS):
        try:
            ray.init(
                address="local",
                num_cpus=resources.num_cpus,
                include_dashboard=False,
                object_store_memory=int(resources.object_store_gib * 2**30),
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=os.path.join(tempfile.gettempdir(), "distilray-ray"),
            )
            return
        except Exception as error:
            if "timed out during startup" not in str(error) or attempt == STARTS - 1:
                raise
            ray.shutdown()
