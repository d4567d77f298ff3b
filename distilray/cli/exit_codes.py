"""The exit code of an error and the text to print. The codes are defined in :mod:`distilray.errors`."""

from __future__ import annotations

from distilray.errors import DistilrayError, InputError, unwrapped

INTERRUPTED = 130


class UsageError(InputError):
    """Invalid arguments of the command line."""


def exit_code(error: BaseException) -> tuple[int | None, str]:
    """Exit code and text for ``error``; ``(None, "")`` for a defect, whose traceback is the best report."""
    error = unwrapped(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted; finished work is kept, run the same command again to resume"
    if isinstance(error, DistilrayError):
        return error.exit_code, f"{error.prefix}{error}"
    return None, ""
