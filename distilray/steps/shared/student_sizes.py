"""Which traces suit a student of a given size: ranges of the two scores that ``score_trace`` writes.

Our own starting values. OmniThought finds that a student gains most where a trace is neither wordier than its
problem needs nor harder than the student can reason; it gives no limits. The lower bounds keep out bare results, which
teach no step; the upper ones grow with the student. If a student can be measured (``align_trace: {student: ...}``),
prefer the measurement to this table.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

StudentSize = Literal["0.5B", "1.5B", "3B", "7B", "14B", "32B"]


SCORES = ("reasoning_verbosity", "cognitive_difficulty")
"""The columns that ``score_trace`` writes, in the order of :class:`Suits`."""


class Suits(NamedTuple):
    """Lowest and highest score, both included."""

    verbosity: tuple[int, int]
    difficulty: tuple[int, int]


SUITS: dict[StudentSize, Suits] = {
    "0.5B": Suits(verbosity=(2, 5), difficulty=(0, 2)),
    "1.5B": Suits(verbosity=(2, 5), difficulty=(0, 3)),
    "3B": Suits(verbosity=(2, 6), difficulty=(0, 5)),
    "7B": Suits(verbosity=(2, 7), difficulty=(1, 6)),
    "14B": Suits(verbosity=(2, 7), difficulty=(1, 8)),
    "32B": Suits(verbosity=(2, 8), difficulty=(2, 9)),
}
