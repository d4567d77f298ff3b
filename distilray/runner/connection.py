"""The Ray cluster of a run: the one that is there (``ray job submit``, ``RAY_ADDRESS``), or a local one."""

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

STARTS = 4
FOLDER = os.path.join(tempfile.gettempdir(), "distilray-ray")
"""What a local cluster writes: sockets, and the logs of Ray's daemons."""
STOPPING = (signal.SIGINT, signal.SIGTERM)


class ClusterDidNotStart(DistilrayError, RuntimeError):
    """Ray did not come up on this machine; the text says what may help and where its own words are."""


@contextmanager
def cluster(resources: Resources) -> Iterator[None]:
    """Connects, or starts a local cluster and stops it at the end. One that was connected already is left alone."""
    if ray.is_initialized():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    # Ray's workers run at nice 15 by default: on a machine of our own the engines are what it is for.
    os.environ.setdefault("RAY_worker_niceness", "0")
    if os.environ.get("RAY_ADDRESS") or os.environ.get("RAY_JOB_ID"):
        ray.init(address="auto", log_to_driver=False)
    else:
        # A token would protect the dashboard and the jobs server, which a local cluster does not start.
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what Ray's C++ says of itself is not the user's
        _start_local(resources)
    _stop_cleanly()  # after Ray's own handler of SIGTERM was put in place: it prints the stack of C++ and leaves
    _quiet()
    try:
        yield
    finally:
        ray.shutdown()
        _on_signals(before)


def _stop_cleanly() -> None:
    """A driver that is told to end (Ctrl-C, ``ray job stop``, a batch system) says so at once, gives back what it holds
    and ends; being told again does not cut that short, because it would leave engines behind."""

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
    """Ray Data's notes on its own deprecations and executions go to its log file, not to the user's terminal."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=RayDeprecationWarning)


def _start_local(resources: Resources) -> None:
    """A cluster on this machine. Ray gives its daemons 30 s to come up, which a busy machine may overrun."""
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
                    f"Ray did not start in {STARTS} tries: its daemons have 15 s to come up, which a busy machine may "
                    f"not give them; try again when less is running. What they said is in {FOLDER}/session_latest/logs"
                ) from error


@contextmanager
def _errors_to(path: str) -> Iterator[None]:
    """What Ray's C++ in this process writes to stderr goes to the file at ``path``: it is not the user's."""
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
