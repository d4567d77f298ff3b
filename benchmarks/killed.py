"""A run's driver killed when a third of its first phase is published, and started again."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distilray.storage import Store


@dataclass(frozen=True)
class Killed:
    """``seconds`` of both drivers together; units of the first phase."""

    seconds: float
    units: int
    units_published_before_the_kill: int
    units_written_again: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def start(recipe: Path, run: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as lines:
        command = [sys.executable, "-m", "distilray.cli", "run", str(recipe), "--run", run]
        return subprocess.Popen(command, stdout=lines, stderr=lines, start_new_session=True)


def finish(driver: subprocess.Popen[bytes], log: Path) -> None:
    if code := driver.wait(timeout=3600):
        raise RuntimeError(f"the run ended with {code}:\n{tail(log)}")


def kill_and_resume(recipe: Path, run: str, log: Path) -> Killed:
    """Runs ``recipe`` in the empty directory ``run``, which may be on an object store.

    Raises RuntimeError where a third of the first phase was not done within half an hour, and where the second driver
    fails.
    """
    started = time.monotonic()
    first, store = start(recipe, run, log), Store(run)
    try:
        while 3 * len(published(store)) < (units := units_to_do(store)) or not units:
            if first.poll() is not None or time.monotonic() - started > 1800:
                raise RuntimeError(f"no third of the first phase was ever done:\n{tail(log)}")
            time.sleep(0.2)
    finally:
        first.kill()
        first.wait()
    before = {path: written(store, path) for path in published(store)}
    finish(start(recipe, run, log), log)
    seconds = round(time.monotonic() - started, 1)
    return Killed(seconds, units, len(before), sum(written(store, path) != when for path, when in before.items()))


def units_to_do(store: Store) -> int:
    """Of the first phase; 0 while the sources are being read."""
    path = "steps/00-sources/manifest.json"
    manifest = store.read_json(path) if store.exists(path) else {}
    return len(manifest.get("details", {}).get("units", ())) if manifest.get("finished") else 0


def published(store: Store) -> list[str]:
    """The unit files of the first phase."""
    folders = [name for name in store.names("steps") if name.startswith("01-")]
    return sorted(
        f"steps/{folder}/{name}"
        for folder in folders
        for name in store.names(f"steps/{folder}")
        if name.endswith(".parquet")
    )


def written(store: Store, path: str) -> Any:
    return store.filesystem.get_file_info(store.full(path)).mtime


def tail(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-3000:]
