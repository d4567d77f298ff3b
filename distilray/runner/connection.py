"""The Ray cluster of a run: an existing one (``ray job submit``, ``RAY_ADDRESS``), or a local one."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray
from ray.util.annotations import RayDeprecationWarning

from distilray.errors import DistilrayError
from distilray.runner.context import Resources
from distilray.runner.head import wait_for_head

STARTS = 4
FOLDER = os.path.join(tempfile.gettempdir(), "distilray-ray")
"""What a local cluster writes: sockets, and the logs of Ray's daemons."""
STOPPING = (signal.SIGINT, signal.SIGTERM)


class ClusterDidNotStart(DistilrayError, RuntimeError):
    """Ray did not start on this machine; the text says what may help and where its logs are."""


def cluster_address() -> str | None:
    """What says that there is a cluster to connect to; None: a local one is started."""
    return os.environ.get("RAY_ADDRESS") or os.environ.get("RAY_JOB_ID")


@contextmanager
def cluster(resources: Resources) -> Iterator[None]:
    """Connects, or starts a local cluster and stops it at the end. An existing connection is left as it is."""
    if ray.is_initialized():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    # Ray runs workers at nice 15 by default, but on a local cluster the engines are the main load.
    os.environ.setdefault("RAY_worker_niceness", "0")
    if cluster_address():
        wait_for_head(os.environ.get("RAY_ADDRESS", ""))
        ray.init(address="auto", log_to_driver=False)
    else:
        # A token would protect the dashboard and the jobs server, which a local cluster does not start.
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # Ray's C++ log is not meant for the user
        _start_local(resources)
    _stop_cleanly()  # after Ray installed its own SIGTERM handler, which prints a C++ stack and exits
    _quiet()
    try:
        yield
    finally:
        ray.shutdown()
        _on_signals(before)


def _stop_cleanly() -> None:
    """A driver that gets a signal (Ctrl-C, ``ray job stop``, a batch system) reports it at once, releases what it holds
    and ends; a second signal does not cut that short, because it would leave engines behind."""

    def interrupt(signum: int, frame: object) -> None:
        _on_signals(dict.fromkeys(STOPPING, signal.SIG_IGN))
        print("stopping ...", file=sys.stderr, flush=True)
        raise KeyboardInterrupt

    _on_signals(dict.fromkeys(STOPPING, interrupt))


def _on_signals(handlers: Mapping[signal.Signals, Any]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _quiet() -> None:
    """Keeps Ray Data's messages on deprecations and executions off the user's terminal; they are in its log file."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=RayDeprecationWarning)


def _start_local(resources: Resources) -> None:
    """A cluster on this machine. Ray waits 30 s for its daemons (not a setting), which a busy machine may exceed."""
    for attempt in range(STARTS):
        try:
            with _errors_to(os.path.join(FOLDER, "driver.log")):
                ray.init(
                    address="local",
                    num_cpus=resources.num_cpus,
                    include_dashboard=False,
                    object_store_memory=int(resources.object_store_gib * 2**30),
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _temp_dir=FOLDER,
                )
            return
        except Exception as error:  # Ray has no narrower type for a node that does not come up
            ray.shutdown()
            if "timed out during startup" not in str(error):
                raise
            if attempt == STARTS - 1:
                raise ClusterDidNotStart(
                    f"Ray did not start in {STARTS} attempts: its daemons were not up within 30 s, as happens "
                    f"on a busy machine; try again when less is running. Their logs are in {FOLDER}/session_latest/logs"
                ) from error


@contextmanager
def _errors_to(path: str) -> Iterator[None]:
    """What Ray's C++ in this process writes to stderr goes to the file at ``path``, not to the user's terminal."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    sys.stderr.flush()
    kept, log = os.dup(2), os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(log)
