"""Whether a cluster's head can be reached. Ray itself asks an address at which nothing listens for more than ten
minutes, and then speaks of its internals."""

from __future__ import annotations

import socket
import time

from distilray.errors import InputError

WITHIN_S = 60.0
"""A head that is just starting listens by then."""
ASK_EVERY_S = 1.0


class HeadNotReachable(InputError):
    """Nothing listens at the address of the cluster that a run was given."""


def wait_for_head(address: str, within_s: float = WITHIN_S) -> None:
    """Returns when something listens at ``address`` (``host:port``; any other form is Ray's to understand).

    Raises :class:`HeadNotReachable` when nothing does for ``within_s`` seconds.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        return
    until = time.monotonic() + within_s
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=max(ASK_EVERY_S, within_s / 4)).close()
            return
        except (OSError, OverflowError) as error:
            if time.monotonic() >= until:
                raise HeadNotReachable(
                    f"RAY_ADDRESS: no cluster answers at {address!r} ({error}). Start one (`ray start --head`) or "
                    "correct the address; without RAY_ADDRESS the run uses this machine alone"
                ) from error
        time.sleep(ASK_EVERY_S)
