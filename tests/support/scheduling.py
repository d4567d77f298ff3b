"""Which of pytest's workers runs what: the tests of a file stay together, and so do those on several nodes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

from tests.support.paths import ROOT

CLUSTERS = ("nodes: Nodes", "Nodes(", "AutoscalingCluster", '"ray", "start"')
"""What stands in the files whose tests start clusters of several nodes: two of them at once are too much for a small
machine. The local cluster of a session is small, and each of pytest's workers has its own."""


class FileScheduling(LoadScopeScheduling):
    """As ``--dist loadfile``, with one group more. (``loadgroup``, which is for this, groups nothing under pytest 9.2
    with xdist 3.8.)"""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.partition("::")[0])


@cache
def _group(path: str) -> str:
    """One group for the files with clusters, others by themselves."""
    text = (ROOT / Path(path)).read_text("utf-8")
    return "clusters" if any(name in text for name in CLUSTERS) else path
