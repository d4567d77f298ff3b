"""Checkpoints that a killed training resumes from: complete and verified, or absent.

``<out>/checkpoints/step-00000200/`` is written by every node's first worker; when all have finished, the first
worker of all writes ``complete.json`` into it, with the size of every file. A folder without it, or with a file of
another size, was left by a killed training, and is not resumed from.
"""

from __future__ import annotations

import pyarrow.fs as pafs

from distilray.storage import Store

COMPLETE = "complete.json"


def name_of(step: int) -> str:
    return f"step-{step:08d}"


def step_of(name: str) -> int:
    return int(name.removeprefix("step-"))


def step_of_path(path: str | None) -> int:
    """The step of the checkpoint at ``path``; 0 if there is none."""
    return 0 if path is None else step_of(path.rpartition("/")[2])


def mark_complete(store: Store, folder: str, step: int) -> None:
    """Marks the checkpoint in ``folder`` (a path in ``store``) as whole; no worker may still be writing to it."""
    store.write_json(f"{folder}/{COMPLETE}", {"step": step, "files": _sizes(store, folder)})


def newest(store: Store, folder: str) -> str | None:
    """Path of the newest whole checkpoint below ``folder``; ``None`` where there is none."""
    for name in reversed(_names(store, folder)):
        if _is_whole(store, f"{folder}/{name}"):
            return f"{folder}/{name}"
    return None


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


def _names(store: Store, folder: str) -> list[str]:
    return [name for name in store.names(folder) if name.startswith("step-")]


def _is_whole(store: Store, folder: str) -> bool:
    if not store.exists(f"{folder}/{COMPLETE}"):
        return False
    wanted = store.read_json(f"{folder}/{COMPLETE}")["files"]
    found = _sizes(store, folder)
    return all(found.get(name) == size for name, size in wanted.items())


def _sizes(store: Store, folder: str) -> dict[str, int]:
    base = store.full(folder)
    infos = store.filesystem.get_file_info(pafs.FileSelector(base, recursive=True, allow_not_found=True))
    files = {info.path.removeprefix(base).lstrip("/"): info.size for info in infos if info.is_file}
    return {name: size for name, size in sorted(files.items()) if name != COMPLETE}
