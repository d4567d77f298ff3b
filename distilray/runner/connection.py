"""The Ray cluster of a run: the one that is there (``ray job submit``, ``RAY_ADDRESS``), or a local one."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray.util.annotations import RayDeprecationWarning

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
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what Ray's C++ says of itself is not the user's
        _start_local(resources)
    _stop_cleanly_on_sigterm()
    _quiet()
    try:
        yield
    finally:
        ray.shutdown()


def _stop_cleanly_on_sigterm() -> None:
    """A driver that is told to end (``ray job stop``, a batch system) ends as with Ctrl-C, after Ray's own handler was
    put in place: that one prints the stack of C++ and leaves."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt)


def _quiet() -> None:
    """Ray Data's notes on its own deprecations and executions go to its log file, not to the user's terminal."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=RayDeprecationWarning)


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
