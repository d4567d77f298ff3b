"""A Ray cluster on this machine only, while something is served; none of its processes remains."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from distilray.errors import DistilrayError

OBJECT_STORE_BYTES = 256 * 2**20
"""Serving passes requests between processes and stores nothing large."""

START_ATTEMPTS = 5
"""A raylet dies where its agents need more than 15 s to start (not a setting), as on a busy machine."""

STOP_WITHIN_S = 15


class DidNotStart(DistilrayError):
    """The application could not be served; the text is the last error."""


class Stopped(BaseException):
    """SIGINT or SIGTERM arrived. Not an Exception, so that no handler mistakes it for a failure."""


STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_raise_stopped() -> Iterator[None]:
    """Raise :class:`Stopped` in the main thread on the first SIGINT or SIGTERM; later ones do not interrupt
    the shutdown."""
    previous = {number: signal.getsignal(number) for number in STOPPING}
    _catch_signals()
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _catch_signals() -> None:
    for number in STOPPING:
        signal.signal(number, _stop_once)


def _stop_once(number: int, frame: object) -> None:
    for ignored in STOPPING:
        signal.signal(ignored, signal.SIG_IGN)
    raise Stopped


@contextmanager
def ray_for_serving(host: str, port: int, *, cpus: int) -> Iterator[Path]:
    """Ray on this machine with Serve's HTTP proxy on ``host:port``; yields the directory of Ray's logs."""
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray would run its workers at nice 15
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray import serve

    others = _children()
    try:
        context = _start_ray(cpus, others)
        _catch_signals()  # ray.init installs its own SIGTERM handler
        serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port, "keep_alive_timeout_s": 90})
        yield Path(str(context.address_info["session_dir"]), "logs")
    finally:
        started = _children() - others
        if ray.is_initialized():
            serve.shutdown()
            ray.shutdown()
        _end(started)


def _start_ray(cpus: int, others: set[psutil.Process]) -> Any:
    import ray

    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            return ray.init(
                address="local",  # never a cluster that happens to run here
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=OBJECT_STORE_BYTES,
            )
        except Exception as error:  # Ray has no narrower type for a node that does not come up
            if attempt == START_ATTEMPTS:
                raise DidNotStart(
                    f"Ray did not start in {attempt} attempts; try again when this machine is less busy ({error})"
                ) from error
            _end(_children() - others, grace_s=0)
    raise AssertionError("the last attempt returns or raises")


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def _end(processes: set[psutil.Process], grace_s: float = STOP_WITHIN_S) -> None:
    _, alive = psutil.wait_procs(processes, timeout=grace_s)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=STOP_WITHIN_S)
