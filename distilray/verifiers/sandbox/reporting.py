"""How the guest tells the outside what came of a test: JSON lines on a descriptor."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_LONGEST_ERROR = 300
_PLAIN: tuple[Any, ...] = (int, float, str)


class Teller:
    """Tells what came of tests. Keeps the token that vouches for it out of the strings in sight of a program."""

    def __init__(self, results: int, token: str):
        self._results, self._token = results, bytes.fromhex(token)

    def passed(self, position: int) -> None:
        report(self._results, {"test": position, "passed": self._token.hex()})

    def failed(self, position: int, reason: str) -> None:
        report(self._results, {"test": position, "error": reason})

    def undecided(self, position: int | None, reason: str) -> None:
        """Of one test, or of all that were asked for."""
        place = {} if position is None else {"test": position}
        report(self._results, {**place, "undecided": self._token.hex(), "reason": reason})


def report(results: int, message: dict[str, Any]) -> None:
    longest = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        data = json.dumps(message).encode() + b"\n"
    finally:
        sys.set_int_max_str_digits(longest)
    while data:
        data = data[os.write(results, data) :]


def describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
    except BaseException:  # an error of the program's own making, whose text fails
        return f"{type(error).__name__}: <exception str() failed>"


def encode(value: Any) -> Any:
    """`value` as JSON that keeps tuples, sets and dictionaries with any keys apart."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    for plain in _PLAIN:
        if isinstance(value, plain):
            return plain.__add__(value, plain())  # what it is underneath: an IntEnum, a subclass of str
    if isinstance(value, (list, tuple)):
        encoded = [encode(item) for item in value]
        return encoded if isinstance(value, list) else {"tuple": encoded}
    if isinstance(value, (set, frozenset)):
        return {"set": [encode(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    if hasattr(value, "tolist"):
        return encode(value.tolist())  # numpy scalars and arrays
    if hasattr(value, "__iter__"):
        return [encode(item) for item in value]
    return {"repr": repr(value)}
