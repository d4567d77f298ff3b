"""Errors in the user's words: which exit code, and what to print.

The rooms whose errors these are load only when there is an error to explain: `distilray --help` must not wait for them.
"""

from __future__ import annotations

INTERRUPTED = 130


class UsageError(Exception):
    """Words on the command line that cannot be; exit code 2."""


def exit_code(error: BaseException) -> tuple[int | None, str]:
    """Exit code and text for ``error``; ``(None, "")`` for what nobody foresaw: its traceback is the best report."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted; what is done is kept, run the same command again to go on"
    if isinstance(error, UsageError):
        return 2, str(error)
    from distilray.checkpoints import NotACheckpoint
    from distilray.ledger import RunIsHeld
    from distilray.models import ModelError
    from distilray.recipe import RecipeError
    from distilray.runner import RunStopped
    from distilray.sources import SourceError
    from distilray.storage import StoreError
    from distilray.train import CannotTrain, TrainingFailed

    if isinstance(error, RunStopped):
        return 3, f"stopped: {error}"
    if isinstance(error, RecipeError | SourceError | NotACheckpoint | CannotTrain | RunIsHeld | StoreError):
        return 2, str(error)
    if isinstance(error, TrainingFailed | ModelError):
        return 1, f"failed: {error}"
    later = _from_rooms_that_load_slowly(error)
    return later if later is not None else (None, "")


def _from_rooms_that_load_slowly(error: BaseException) -> tuple[int, str] | None:
    """Errors whose classes need Ray to import, told by name."""
    known = {"PoolsDoNotFit": 2, "EngineFailed": 1, "ClusterDidNotStart": 1, "UnknownStep": 2, "UnknownRow": 2}
    for cls in type(error).__mro__:
        if cls.__name__ in known and cls.__module__.startswith("distilray."):
            return known[cls.__name__], str(error)
    cause = getattr(error, "cause", None)  # Ray wraps what a task raised
    if isinstance(cause, BaseException) and not isinstance(cause, type(error)):
        code, text = exit_code(cause)
        return None if code is None else (code, text)
    return None
