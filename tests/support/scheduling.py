"""Which of pytest's workers runs what: the tests of a file stay together, and so do all on the local Ray cluster."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

from tests.support.paths import ROOT

CLUSTER = "ray_cluster"


class FileScheduling(LoadScopeScheduling):
    """As ``--dist loadfile``, with one cluster. (``loadgroup``, which is for this, groups nothing under pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.partition("::")[0])


@cache
def _group(path: str) -> str:
    """``ray_cluster`` for the files whose tests use that fixture, others by themselves."""
    return CLUSTER if CLUSTER in (ROOT / Path(path)).read_text("utf-8") else path
