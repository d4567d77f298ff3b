"""A cluster that talks only to who has its token: a head without CPUs and two nodes, each with its own address."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.nodes import Nodes, environment, wait_for

GENERATE = [str(Path(sys.executable).with_name("ray")), "get-auth-token", "--generate"]


class TokenNodes(Nodes):
    """Processes of one machine whose nodes lie on 127.0.0.1 (the head), 127.0.0.2, 127.0.0.3 and so on."""

    head_cpus = 0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        made = subprocess.run(GENERATE, env=environment(HOME=str(folder)), capture_output=True, text=True, check=True)
        self.token = made.stdout.strip()
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
