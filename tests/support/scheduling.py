"""Which of pytest's workers runs what: the tests of a file stay together, and so do all on Ray clusters."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

from tests.support.paths import ROOT

CLUSTERS = ("ray_cluster", "nodes: Nodes", "Nodes(", "AutoscalingCluster", '"ray", "start"')
"""What stands in the files whose tests use a Ray cluster, the local one or their own: two that start
at the same time get into each other's ports."""


class FileScheduling(LoadScopeScheduling):
    """As ``--dist loadfile``, with one cluster. (``loadgroup``, which is for this, groups nothing under pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.partition("::")[0])


@cache
def _group(path: str) -> str:
    """One group for the files with clusters, others by themselves."""
    text = (ROOT / Path(path)).read_text("utf-8")
    return "clusters" if any(name in text for name in CLUSTERS) else path
