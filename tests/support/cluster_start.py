"""Ray clusters start one after another, also those of several workers of pytest: two that look for free ports at the
same time find the same ones."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else of this user's tests starts a cluster meanwhile."""
    with (Path(tempfile.gettempdir()) / f"distilray-tests-{os.getuid()}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
