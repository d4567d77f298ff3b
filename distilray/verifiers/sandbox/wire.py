"""Messages between client and launcher: four bytes of length, JSON, and at most four descriptors with it."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("!I")


def send(link: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    body = json.dumps(message).encode()
    socket.send_fds(link, [_LENGTH.pack(len(body))], list(descriptors))
    link.sendall(body)


def receive(link: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its descriptors; (None, []) when the other side has closed."""
    head, descriptors, _, _ = socket.recv_fds(link, _LENGTH.size, 4)
    body = head and _exactly(link, _LENGTH.unpack(head + _exactly(link, _LENGTH.size - len(head)))[0])
    if not body:
        return None, []
    return json.loads(body), descriptors


def _exactly(link: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = link.recv(min(size, 1 << 16))
        if not part:
            return b""
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
