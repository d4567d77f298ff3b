"""Why a training cannot start, or did not finish."""

from __future__ import annotations

from distilray.errors import DistilrayError, InputError
from distilray.models import is_of_peer, root_cause


class CannotTrain(InputError, ValueError):
    """Raised before a training starts; names the place, the value found there and the remedy."""


class StopTraining(DistilrayError, RuntimeError):
    """Raised by all workers alike: a retry would end the same way, so no worker is restarted."""


class TrainingFailed(DistilrayError, RuntimeError):
    """Workers kept failing; the message begins with the first cause. Checkpoints are kept."""

    prefix = "failed: "

    @classmethod
    def because(cls, name: str, error: BaseException) -> TrainingFailed:
        return cls(
            f"train {name!r} failed: {_first_cause(error)}. "
            "Checkpoints are kept: run the same command again to continue from the last one"
        )


def _first_cause(error: BaseException) -> str:
    """Of what the workers of Ray Train's ``error`` raised, by rank, the first that does not only say that another
    worker is gone."""
    workers = getattr(error, "worker_failures", None) or {0: getattr(error, "controller_failure", error)}
    said = [_cause(workers[rank]) for rank in sorted(workers)]
    return next((text for text in said if not is_of_peer(text)), said[0])


def _cause(error: BaseException) -> str:
    """What an error says, or the first exception of its traceback where its text is one, with the whole message."""
    text = str(error).strip()
    found = root_cause(text)
    if found is None:
        return text.splitlines()[-1] if text else type(error).__name__
    rest = text.rpartition(found)[2]
    return found if "Traceback (most recent call last)" in rest else " ".join([found, *rest.split()])
