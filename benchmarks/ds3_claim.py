"""The claim of DistilQwen2.5-DS3: does a small student learn more from traces that were brought to its level?

    python -m benchmarks.ds3_claim [--seeds 1 2 3] [--variants raw aligned]

A tiny student, the packaged warm one (``start``), learns from the same traces, prepared in four ways; all variants see
the same number of rows and take the same number of optimizer steps of SFT:

raw         every trace as it came, too terse, too wordy and wrong ones among them: the control of the others
right       the raw ones whose answer is right: what checking alone is worth
shortened   condensed, whatever they were, and still right
aligned     medium, at once or after the loop, and still right

CogPO comes on top of ``aligned``, in steps of its own, on pairs made of these rows and of wrong answers of the student
that was trained on them; its controls take as many further steps of SFT on the aligned rows:

aligned+cogpo      DPO with a beta for each gap
aligned+sft        SFT at the same learning rate
aligned+sft_1e-3   SFT at ten times that rate

Greedy and sampled accuracy on held-out problems, other ones for each seed and the same for all variants of a seed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import distilray as dr
from benchmarks.claims import program, stages
from benchmarks.claims.sitting import Sitting
from benchmarks.claims.trainings import dpo, sft
from benchmarks.claims.world import Record, Variant, World, model, packaged

RATE, FURTHER_RATE = 3e-3, 1e-4
BATCH: dict[str, Any] = {"batch_size": 48, "micro_batch_size": 48}

ALIGN = dr.steps.AlignTrace(judge="judge", rewriter="judge", max_rounds=3)
SHORTEN = dr.steps.ShortenTrace(model="judge")
CHECK = dr.steps.Check(reference="numeric")
PAIRS = dr.steps.CognitivePairs(model="student", samples=2, parents="drop")
INLINE = dr.steps.InlineTrace()

Steps = Sequence[dr.Step | dr.GlobalStep]

PREPARED: dict[str, Callable[[dr.steps.Select], Steps]] = {
    "raw": lambda equal: [equal, INLINE],
    "right": lambda equal: [CHECK, equal, INLINE],
    "shortened": lambda equal: [SHORTEN, equal, INLINE],
    "aligned": lambda equal: [ALIGN, equal, INLINE],
}
"""Steps; ``equal`` takes as many rows for everyone, chosen without looking at them."""


@dataclass(frozen=True)
class Sizes:
    traces: int = field(default=2500, metadata={"help": "traces that come in"})
    rows: int = field(default=2000, metadata={"help": "rows that every student is trained on"})
    steps: int = field(default=300, metadata={"help": "SFT steps of every student"})
    further: int = field(default=60, metadata={"help": "steps of CogPO and of its controls, on top of these"})
    questions: int = field(default=600, metadata={"help": "held-out problems of each seed"})


def world(sizes: Sizes) -> World:
    def prepared(name: str, *controls: str) -> Variant:
        return Variant(sft(sizes.steps, RATE, **BATCH), name, start="start", controls=controls)

    def further(trainings: Any, rows: str, *controls: str) -> Variant:
        return Variant(trainings, rows, start="aligned", controls=controls)

    return World(
        name="ds3",
        student=packaged("student_warm"),
        questions=sizes.questions,
        rows={
            **{name: lambda sitting, name=name: answered(sitting, sizes, name) for name in PREPARED},
            "pairs": lambda sitting: pairs(sitting, sizes),
        },
        variants={
            "start": Variant(),
            "raw": prepared("raw"),
            **{name: prepared(name, "raw") for name in ("right", "shortened", "aligned")},
            "aligned+sft": further(sft(sizes.further, FURTHER_RATE, **BATCH), "aligned"),
            "aligned+sft_1e-3": further(sft(sizes.further, 10 * FURTHER_RATE, **BATCH), "aligned"),
            "aligned+cogpo": further(
                dpo(sizes.further, FURTHER_RATE, row_beta=True, **BATCH), "pairs", "aligned+sft", "aligned+sft_1e-3"
            ),
        },
    )


def source(sitting: Sitting, sizes: Sizes, name: str) -> dr.Source:
    """The traces of a seed, by the name of what is made of them."""
    settings = {"rows": sizes.traces, "seed": sitting.seed, "wrong": 0.15}
    return dr.Source(name=name, uses="distilray.practice:traces", with_=settings)


def judge() -> dict[str, dr.VLLMModel]:
    return {"judge": model(packaged("judge"), sampling=dr.Sampling(max_tokens=192))}


def answered(sitting: Sitting, sizes: Sizes, name: str) -> list[Record]:
    """Traces prepared in one of the four ways, each in its answer."""
    steps = PREPARED[name](dr.steps.Select(top=sizes.rows))
    rows = stages.passed(sitting, source(sitting, sizes, name), judge(), steps, ["messages", "answer"])
    return stages.first(rows, sizes.rows, f"{name} rows")


def pairs(sitting: Sitting, sizes: Sizes) -> list[Record]:
    """As many pairs of the aligned rows as CogPO's steps take once, with their betas."""
    models = {**judge(), "student": model(sitting.student("aligned"), cpus=0.5)}
    steps = [ALIGN, dr.steps.Select(top=sizes.rows), PAIRS, INLINE]
    made = stages.passed(sitting, source(sitting, sizes, "aligned"), models, steps, [*stages.PAIR, "beta"])
    return stages.first(made, BATCH["batch_size"] * sizes.further, "pairs of the aligned rows")


def main() -> int:
    return program.main(__doc__, Sizes, world)


if __name__ == "__main__":
    sys.exit(main())
