"""A verifier's verdict, and the three ways to make one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """`right` is None where it cannot be decided (nothing to extract, no reference, out of time).

    `reason` is one line ("3/4 equals 0.75"); `detail` holds the evidence: the extracted answer, results per test.
    """

    right: bool | None
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)


def right(reason: str, **detail: Any) -> Verdict:
    return Verdict(True, reason, detail)


def wrong(reason: str, **detail: Any) -> Verdict:
    return Verdict(False, reason, detail)


def undecided(reason: str, **detail: Any) -> Verdict:
    return Verdict(None, reason, detail)


def shorten(text: object, length: int = 60) -> str:
    """`text` on one line, cut to the length of a reason."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else line[: length - 1] + "…"
