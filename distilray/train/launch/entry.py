"""The function through which training workers enter.

Kept apart from the worker itself, so that a driver starts a training without importing torch, transformers and TRL.
"""

from __future__ import annotations

from distilray.train.errors import StopTraining
from distilray.train.spec import Job


def enter(config: dict[str, Job]) -> None:
    """The training loop that Ray Train calls in each worker."""
    import ray.train

    from distilray.train.loop.worker import train

    job = config["job"]
    try:
        train(job)
    except StopTraining as error:
        if ray.train.get_context().get_world_rank() == 0:
            ray.get(job.board.stop.remote(str(error)))
