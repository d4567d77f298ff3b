"""Errors that users may see: one base class, so that catching it catches them all, and the exit code of each.

    0 done   1 failed   2 wrong input   3 stopped cleanly before the end   130 interrupted

An error's text names the place, the value found there and the remedy; the command line prints it as it is.
"""

from __future__ import annotations

from typing import ClassVar


class DistilrayError(Exception):
    """Base of all errors that distilray raises on purpose; anything else is a defect, and its traceback the report."""

    exit_code: ClassVar[int] = 1
    prefix: ClassVar[str] = ""
    """What the command line prints before the text."""


def counted(number: float, thing: str) -> str:
    """``"1 source"``, ``"2,000 sources"``, ``"0.5 CPUs"``: a number of things as messages name it."""
    text = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{text} {thing}" if number == 1 else f"{text} {thing}s"


class MachineryFault(DistilrayError):
    """Storage, engines or nodes fail. No row is at fault and none is lost: the same command goes on when they work."""

    prefix = "failed: "


class InputError(DistilrayError):
    """What the user gave cannot be: a recipe, a path, a setting, a word on the command line."""

    exit_code = 2


def unwrapped(error: BaseException) -> BaseException:
    """What a task of Ray raised: Ray wraps it in an error of the same class whose text is a traceback, and that in
    another in each task that waited for it. Any other error as it is."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException) and (isinstance(cause, DistilrayError) or not isinstance(cause, type(error))):
        return unwrapped(cause)
    return error
