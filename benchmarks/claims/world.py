"""A world: one student, rows made for it, and the variants of its training that are compared.

    World("style", student=CONVERGED, rows={"raw": ..., "pairs": ...}, variants={
        "start":    Variant(sft(300, 1e-3), rows="raw"),
        "sft_1e-4": Variant(sft(39, 1e-4), rows="pairs", start="start"),
        "dpo_1e-4": Variant(dpo(39, 1e-4), rows="pairs", start="start", controls=("sft_1e-4",)),
    })

A variant is compared with its start, which shows whether the training helps, and with its controls, which are trained
for as many steps, so that the difference is the method's and not that of more training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import distilray as dr

if TYPE_CHECKING:
    from benchmarks.claims.sitting import Sitting

Record = dict[str, Any]
MakeRows = Callable[["Sitting"], Iterable[Record]]

STUDENT = "student"
"""The name of the student's model in every recipe."""


@dataclass(frozen=True)
class Variant:
    """One way to train; no ``trainings``: the world's student as it is."""

    trainings: tuple[dr.train.TrainSettings, ...] = ()
    rows: str | None = None
    """Of the world's rows, those that it learns from."""
    start: str | None = None
    """The variant that it continues; None: the world's student."""
    controls: tuple[str, ...] = ()
    """Variants with as many steps that differ from it in what it claims."""
    ranked: str | None = None
    """Pairs that nobody trains on, whose ranking is measured before and after."""

    @property
    def others(self) -> tuple[str, ...]:
        """What it is compared with: its controls, then its start."""
        return (*self.controls, *((self.start,) if self.start is not None else ()))

    @property
    def steps(self) -> int:
        return sum(settings.max_steps or 0 for settings in self.trainings)


@dataclass(frozen=True)
class World:
    name: str
    student: str
    """The checkpoint from which all variants without a ``start`` begin."""
    variants: Mapping[str, Variant]
    """In an order in which every variant comes after its start."""
    rows: Mapping[str, MakeRows]
    """By name what makes the rows of one seed, once; it may ask for other rows and for students."""
    questions: int
    """Held-out problems that every student answers; other ones for each seed."""
    models: Mapping[str, dr.VLLMModel] = field(default_factory=dict)
    """In addition to the student."""

    def chosen(self, names: Iterable[str]) -> list[str]:
        """``names`` and the variants that they start from or are compared with, in the world's order."""
        wanted: set[str] = set()
        left = list(names)
        while left:
            name = left.pop()
            wanted.add(name)
            variant = self.variants[name]
            left += [other for other in (variant.start, *variant.controls) if other and other not in wanted]
        return [name for name in self.variants if name in wanted]


def model(path: str, **settings: Any) -> dr.VLLMModel:
    """A tiny model, greedy, with as many sequences at once as make its engine on a CPU fast."""
    defaults = {"cpus": 0.75, "max_num_seqs": 256, "max_model_len": 768, "sampling": dr.Sampling(max_tokens=160)}
    return dr.VLLMModel(path=path, **{**defaults, **settings})


def packaged(role: str) -> str:
    """The checkpoint of the practice world's ``role``."""
    return f"package://distilray.practice/checkpoints/{role}"
