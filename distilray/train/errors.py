"""Why a training cannot start, or did not finish."""

from __future__ import annotations

from distilray.errors import DistilrayError, InputError


class CannotTrain(InputError, ValueError):
    """Raised before a training starts; names the place, the value found there and the remedy."""


class StopTraining(DistilrayError, RuntimeError):
    """Raised by all workers alike: a retry would end the same way, so no worker is restarted."""


class TrainingFailed(DistilrayError, RuntimeError):
    """Workers kept failing; the message begins with the first one's error. Checkpoints are kept."""

    prefix = "failed: "

    @classmethod
    def because(cls, name: str, error: BaseException) -> TrainingFailed:
        workers = getattr(error, "worker_failures", None) or {}
        first = workers[min(workers)] if workers else error
        said = str(first).strip().splitlines()
        return cls(
            f"train {name!r} failed: {said[-1] if said else type(first).__name__}. "
            "Checkpoints are kept: run the same command again to continue from the last one"
        )
