"""Checkpoints leave a worker in the background, while it goes on training.

The trainer writes a checkpoint to the node's disk, every worker its own part, and that is all that training waits for.
Each worker of a node then sends its share of the node's files to the store, where they count when all are there (see
:mod:`distilray.train.loop.checkpoints`). A worker has one checkpoint on the way at most: the next one waits for it.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch.distributed as dist

from distilray.storage import Store, move_file
from distilray.train.loop import checkpoints


class Uploads:
    """This worker's, to ``folder`` in ``store``; ``worker`` of ``workers`` is ``place`` of ``neighbours`` on its node.
    The newest ``keep`` checkpoints stay there."""

    def __init__(
        self, store: Store, folder: str, *, worker: int, workers: int, place: int, neighbours: int, keep: int
    ) -> None:
        self.store, self.folder, self.keep = store, folder, keep
        self.worker, self.workers, self.place, self.neighbours = worker, workers, place, neighbours
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._running: Future[None] | None = None

    def begin(self, step: int, written: str) -> None:
        """Starts to send the checkpoint in the local folder ``written``, whose files are deleted as they arrive; all
        workers call it together. Raises what went wrong with the one before."""
        self.wait()
        dist.barrier()  # all have written this checkpoint, and sent the one before
        files = sorted(path for path in Path(written).rglob("*") if path.is_file())
        mine = files[self.place :: self.neighbours]
        dist.barrier()  # all have listed them
        if self.worker == 0:
            checkpoints.prune(self.store, self.folder, self.keep)
        target = f"{self.folder}/{checkpoints.name_of(step)}"
        self._running = self._thread.submit(self._send, {str(path.relative_to(written)): path for path in mine}, target)

    def check(self) -> None:
        """Raises what has gone wrong in the background."""
        if self._running is not None and self._running.done():
            self.wait()

    def wait(self) -> None:
        """Returns when the checkpoint that is on the way has arrived; raises what went wrong."""
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def _send(self, files: dict[str, Path], target: str) -> None:
        sizes = {name: path.stat().st_size for name, path in files.items()}
        for name, path in files.items():
            move_file(self.store, path, f"{target}/{name}")  # disks of nodes are small
        checkpoints.mark_written(self.store, target, sizes, worker=self.worker, workers=self.workers)
