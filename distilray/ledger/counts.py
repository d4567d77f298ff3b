"""Counts: what went into a step, what came out, and what it took.

    StepCounts("judge", rows_in=256, kept=201, rejected=54, failed=1,
               reasons={"rejected: relevance below 6": 54, "failed: RequestTimedOut": 1})

``rows_in + created == kept + rejected + failed``, always: no row vanishes.
"""

from __future__ import annotations

from typing import Any

import msgspec

SUMS = ("rows_in", "created", "kept", "rejected", "failed", "tokens_in", "tokens_out", "seconds")
REASONS_KEPT = 100
REASON_LENGTH = 120
OTHERS = "(other reasons)"

USAGE = ("requests", "replies", "replayed", "tokens_in", "tokens_out", "cost", "seconds")
"""What is counted per model; ``replayed`` replies came from the reply log, their tokens were not paid
for again."""


class StepCounts(msgspec.Struct):
    """Rows, tokens and seconds of one step, over one unit or over many."""

    name: str
    rows_in: int = 0
    created: int = 0
    kept: int = 0
    rejected: int = 0
    failed: int = 0
    reasons: dict[str, int] = {}
    """``"rejected: reason"`` or ``"failed: error"`` to the number of rows."""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    """Summed over rows, which wait concurrently: not wall-clock time."""

    def count(self, kind: str, reason: str | None = None, n: int = 1) -> None:
        """``n`` rows left the step as ``kind`` (``"kept"``, ``"rejected"``, ``"failed"``)."""
        setattr(self, kind, getattr(self, kind) + n)
        if kind != "kept":
            self._count_reason(kind, f"{kind}: {_countable(reason or 'no reason given')}", n)

    def _count_reason(self, kind: str, reason: str, n: int) -> None:
        # Errors quote their input, but a million rows must not make a million reasons.
        if reason not in self.reasons and len(self.reasons) >= REASONS_KEPT:
            reason = f"{kind}: {OTHERS}"
        self.reasons[reason] = self.reasons.get(reason, 0) + n

    def add(self, other: StepCounts) -> StepCounts:
        """Adds ``other`` to these counts and returns them."""
        for field in SUMS:
            setattr(self, field, getattr(self, field) + getattr(other, field))
        for reason, n in other.reasons.items():
            self._count_reason(reason.partition(": ")[0], reason, n)
        return self

    @property
    def reconciled(self) -> bool:
        return self.rows_in + self.created == self.kept + self.rejected + self.failed

    def to_json(self) -> dict[str, Any]:
        return {**msgspec.to_builtins(self), "reconciled": self.reconciled}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> StepCounts:
        return msgspec.convert(value, cls)


class UnitCounts(msgspec.Struct):
    """The history of one unit: its steps in order, the models that were asked and the engines that answered."""

    steps: list[StepCounts] = []
    models: dict[str, dict[str, float]] = {}
    """Model to its usage, see :data:`USAGE`."""
    runner: str = ""
    engines: dict[str, int] = {}
    """Engine to the number of its replies."""
    seconds: float = 0.0
    """Wall-clock time from reading the unit to publishing it."""

    def to_json(self) -> dict[str, Any]:
        return msgspec.to_builtins(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> UnitCounts:
        return msgspec.convert(value, cls)


def add_steps(total: list[StepCounts], more: list[StepCounts]) -> None:
    """Adds ``more`` to ``total`` step by step, by name; steps that ``total`` lacks are appended in order."""
    known = {step.name: step for step in total}
    for step in more:
        if step.name not in known:
            known[step.name] = StepCounts(step.name)
            total.append(known[step.name])
        known[step.name].add(step)


def add_usage(total: dict[str, dict[str, float]], more: dict[str, dict[str, float]]) -> None:
    """Adds the usage of models in ``more`` to ``total``."""
    for model, usage in more.items():
        into = total.setdefault(model, dict.fromkeys(USAGE, 0))
        for name, value in usage.items():
            into[name] = into.get(name, 0) + value


def add_numbers(total: dict[str, int], more: dict[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _countable(reason: str) -> str:
    """The part of a reason that many rows share: its first line up to the first semicolon."""
    return reason.partition("\n")[0].partition(";")[0].strip()[:REASON_LENGTH]
