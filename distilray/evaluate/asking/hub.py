"""The data sets of benchmarks from the Hugging Face hub, in its own cache: what is there is not fetched again."""

from __future__ import annotations

import tempfile
import zipfile
from functools import cache
from pathlib import Path

from distilray.checkpoints import hub_cache
from distilray.evaluate.benchmarks.published import BenchmarkDataError, PublishedBenchmark

UNPACKED = "distilray-benchmarks"
"""Folder of the hub's cache with the contents of archives."""


def hub_folder(benchmark: PublishedBenchmark) -> str:
    """The folder with the data set's files, fetched where the hub's cache does not have them.

    Raises :class:`BenchmarkDataError` where the hub does not give them: what to download by hand, and where to put it.
    """
    import httpx

    hub = benchmark.layout.hub
    if hub is None:
        why = f"{benchmark.title} is not on the hub, so a data directory is needed"
        raise BenchmarkDataError(f"{why}\n  {_by_hand(benchmark)}")
    try:
        folder = Path(_snapshot(hub.repository, hub.kind, hub.files))
    except (OSError, ValueError, httpx.HTTPError) as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BenchmarkDataError(
            f"{benchmark.title}: the {hub.kind} {hub.repository} cannot be fetched from the Hugging Face hub ({why})\n"
            f"  Accept its terms there and log in if it is gated; or {_by_hand(benchmark)}"
        ) from error
    archives = sorted(folder.glob("*.zip"))
    return _unpacked(archives[0], folder.name) if archives else str(folder)


def _by_hand(benchmark: PublishedBenchmark) -> str:
    return f"{benchmark.remedy}, and name that directory: --data-dir DIR, in a recipe `data_dir: DIR`"


@cache
def _snapshot(repository: str, kind: str, files: tuple[str, ...]) -> str:
    """Once a process: each call asks the hub for every file's newest version."""
    from huggingface_hub import snapshot_download  # takes a second to import

    return snapshot_download(repository, repo_type=kind, allow_patterns=list(files))


def _unpacked(archive: Path, commit: str) -> str:
    """The folder of what ``archive`` holds, unpacked once for each commit."""
    target = hub_cache() / UNPACKED / f"{archive.stem}-{commit}"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as work, zipfile.ZipFile(archive) as opened:
            inside = Path(work) / "unpacked"
            opened.extractall(inside)
            try:
                inside.rename(target)
            except OSError:
                if not target.is_dir():  # else another process was faster
                    raise
    return str(target)
