"""The two nodes as a fixture, for tests on a cluster."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nodes import Nodes


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    folder = Path(tempfile.mkdtemp(prefix="nodes-"))  # short: see Nodes
    with Nodes(folder) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)
