"""Results of programs against what tests expect: values that functions return, and text that scripts print."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any


def decoded(value: Any) -> Any:
    """guest.py's encoding as Python values; tuples become lists, as JSON tests cannot tell them apart."""
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if isinstance(value, dict):
        if "tuple" in value:
            return [decoded(item) for item in value["tuple"]]
        if "set" in value:
            return {_hashable(decoded(item)) for item in value["set"]}
        if "dict" in value:
            return {_hashable(decoded(key)): decoded(item) for key, item in value["dict"]}
        return f"<{value.get('repr')}>"
    return value


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def same_value(value: Any, expected: Any) -> bool:
    """Equality as test data means it: tuples are lists, JSON's string keys match numbers, floats agree to 1e-6."""
    if isinstance(expected, tuple):
        expected = list(expected)
    if isinstance(value, set):
        return isinstance(expected, (set, frozenset, list)) and value == {_hashable(item) for item in expected}
    if isinstance(value, float) or isinstance(expected, float):
        numbers = (int, float)
        return (
            isinstance(value, numbers)
            and isinstance(expected, numbers)
            and (value == expected or math.isclose(value, expected, rel_tol=1e-6, abs_tol=1e-9))
        )
    if isinstance(expected, list):
        return (
            isinstance(value, list)
            and len(value) == len(expected)
            and all(same_value(a, b) for a, b in zip(value, expected, strict=True))
        )
    if isinstance(expected, Mapping):
        if not isinstance(value, dict) or len(value) != len(expected):
            return False
        by_name = {str(key): item for key, item in value.items()}
        return all(str(key) in by_name and same_value(by_name[str(key)], item) for key, item in expected.items())
    return type(value) in (type(expected), bool, int) and value == expected


def same_output(printed: str, expected: str) -> bool:
    """Equal line by line except for space at line ends and blank last lines; or word by word, floats to 1e-6."""
    lines, wanted = ([line.rstrip() for line in text.rstrip().splitlines()] for text in (printed, expected))
    if lines == wanted:
        return True
    if len(lines) != len(wanted):
        return False
    return all(_same_line(one.split(), other.split()) for one, other in zip(lines, wanted, strict=True))


def _same_line(words: list[str], wanted: list[str]) -> bool:
    return len(words) == len(wanted) and all(
        one == other or _same_float(one, other) for one, other in zip(words, wanted, strict=True)
    )


def _same_float(one: str, other: str) -> bool:
    if "." not in other or not re.fullmatch(r"-?\d*\.?\d+(?:[eE][+-]?\d+)?", one):
        return False
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-6, abs_tol=1e-9)
    except ValueError:
        return False
