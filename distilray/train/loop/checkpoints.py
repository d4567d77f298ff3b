"""Checkpoints that a killed training resumes from: complete and verified, or absent.

Every worker writes its own part of ``<out>/checkpoints/step-00000200/``, and when that is there, ``part-00003.json``
with the size of every file in it and the number of workers. The checkpoint is whole when the parts of all workers are
there and all files have their sizes, so no worker waits for another. Any other folder was left by a killed training, or
is still being written, and is not resumed from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pyarrow.fs as pafs

from distilray.storage import Store

PART = re.compile(r"part-(\d{5})\.json")


def name_of(step: int) -> str:
    return f"step-{step:08d}"


def step_of(name: str) -> int:
    return int(name.removeprefix("step-"))


def step_of_path(path: str | None) -> int:
    """The step of the checkpoint at ``path``; 0 if there is none."""
    return 0 if path is None else step_of(path.rpartition("/")[2])


def mark_written(store: Store, folder: str, files: Mapping[str, int], *, worker: int = 0, workers: int = 1) -> None:
    """Records that ``worker`` of ``workers`` has written its part of the checkpoint in ``folder`` (a path in
    ``store``): ``files``, with their sizes in bytes."""
    store.write_json(f"{folder}/part-{worker:05d}.json", {"workers": workers, "files": files})


def newest(store: Store, folder: str) -> str | None:
    """Path of the newest whole checkpoint below ``folder``; ``None`` where there is none."""
    return next(_whole(store, folder), None)


def prune(store: Store, folder: str, keep: int) -> None:
    """Removes whole checkpoints below ``folder`` but the newest ``keep``."""
    for path in list(_whole(store, folder))[keep:]:
        store.delete_dir(path)


def clear_rest(store: Store, folder: str, keep: str | None) -> None:
    """Removes everything in ``folder`` except the checkpoint ``keep``: remains of a killed training."""
    for name in store.names(folder):
        path = f"{folder}/{name}"
        if path == keep:
            continue
        if store.filesystem.get_file_info(store.full(path)).type == pafs.FileType.Directory:
            store.delete_dir(path)
        else:
            store.delete(path)


def _whole(store: Store, folder: str) -> Iterator[str]:
    """Paths of whole checkpoints, newest first."""
    for name in reversed(store.names(folder)):
        if name.startswith("step-") and _is_whole(store, f"{folder}/{name}"):
            yield f"{folder}/{name}"


def _is_whole(store: Store, folder: str) -> bool:
    found = _sizes(store, folder)
    parts = [store.read_json(f"{folder}/{name}") for name in found if PART.fullmatch(name)]
    if not parts or len(parts) != parts[0]["workers"]:
        return False
    return all(found.get(name) == size for part in parts for name, size in part["files"].items())


def _sizes(store: Store, folder: str) -> dict[str, int]:
    base = store.full(folder)
    infos = store.filesystem.get_file_info(pafs.FileSelector(base, recursive=True, allow_not_found=True))
    return {info.path.removeprefix(base).lstrip("/"): info.size for info in infos if info.is_file}
