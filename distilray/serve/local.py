"""A Ray cluster of this machine alone, for as long as something is served; nothing of it stays behind."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

OBJECT_STORE_BYTES = 256 * 2**20
"""Serving hands requests from process to process; it stores nothing big."""

STOP_WITHIN_S = 15


class DidNotStart(Exception):
    """What was to be served is not; the text is the last error on the way."""


class Stopped(BaseException):
    """SIGINT or SIGTERM came. Not an Exception, so that nothing on the way takes it for a failure."""


STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_raise_stopped() -> Iterator[None]:
    """Raise :class:`Stopped` in the main thread on the first SIGINT or SIGTERM; later ones do not disturb the end."""
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
    """Ray on this machine with Serve's HTTP proxy on ``host:port``; gives the directory of Ray's logs."""
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray would run its workers at nice 15
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray import serve

    others = {child.pid for child in psutil.Process().children(recursive=True)}
    try:
        try:
            context: Any = ray.init(
                address="local",  # never a cluster that happens to run here
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=OBJECT_STORE_BYTES,
            )
        except Exception as error:  # Ray has no narrower type for a node that does not come up
            raise DidNotStart(f"Ray did not start on this machine, try again when it is less busy ({error})") from error
        _catch_signals()  # ray.init takes SIGTERM over
        serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port, "keep_alive_timeout_s": 90})
        yield Path(str(context.address_info["session_dir"]), "logs")
    finally:
        _stop(others)


def _stop(others: set[int]) -> None:
    import ray
    from ray import serve

    started = [child for child in psutil.Process().children(recursive=True) if child.pid not in others]
    if ray.is_initialized():
        serve.shutdown()
        ray.shutdown()
    _, alive = psutil.wait_procs(started, timeout=STOP_WITHIN_S)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=STOP_WITHIN_S)
