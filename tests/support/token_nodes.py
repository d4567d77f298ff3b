"""A cluster that talks only to who has its token: a head without CPUs and two nodes, each with its own address."""

from __future__ import annotations

import itertools
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.nodes import Nodes, wait_for


class TokenNodes(Nodes):
    """Processes of one machine whose nodes lie on 127.0.0.1 (the head), 127.0.0.2, 127.0.0.3 and so on."""

    head_cpus = 0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.token = secrets.token_hex(32)
        (folder / "token").write_text(self.token)
        self.variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder / "token")}
        self._ips = itertools.count(2)

    def next_ip(self) -> str:
        return f"127.0.0.{next(self._ips)}"

    def __enter__(self) -> TokenNodes:
        super().__enter__()
        try:
            self.join("third")
            wait_for(lambda: len(self.raylets()) == 3, "three raylets")
        except BaseException:
            self.__exit__()
            raise
        return self


@contextmanager
def token_nodes() -> Iterator[TokenNodes]:
    """Such a cluster, and its folder, which has a short name: see :class:`Nodes`."""
    folder = Path(tempfile.mkdtemp(prefix="nodes-"))
    try:
        with TokenNodes(folder) as nodes:
            yield nodes
    finally:
        shutil.rmtree(folder, ignore_errors=True)
