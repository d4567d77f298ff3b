"""A head that is there, one that comes late, and none."""

from __future__ import annotations

import socket
import threading

import pytest

from distilray.runner.head import HeadNotReachable, wait_for_head
from tests.support.ports import free_port


def listen(port: int) -> socket.socket:
    server = socket.create_server(("127.0.0.1", port))
    server.listen()
    return server


def test_a_head_that_listens_is_reached_at_once() -> None:
    port = free_port()
    with listen(port):
        wait_for_head(f"127.0.0.1:{port}", within_s=0)


def test_a_head_that_is_starting_is_waited_for() -> None:
    port, started = free_port(), []
    later = threading.Timer(0.5, lambda: started.append(listen(port)))
    later.start()
    wait_for_head(f"127.0.0.1:{port}", within_s=60)
    later.join()
    assert started
    started[0].close()


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_an_address_where_nothing_listens_is_refused_with_the_remedy(host: str) -> None:
    with pytest.raises(HeadNotReachable, match=r"RAY_ADDRESS: no cluster answers at '.+:\d+' .*ray start --head"):
        wait_for_head(f"{host}:{free_port()}", within_s=0)


@pytest.mark.parametrize("address", ["", "auto", "local", "ray://head:10001", "head"])
def test_other_forms_are_rays(address: str) -> None:
    wait_for_head(address, within_s=0)
