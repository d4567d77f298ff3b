"""Do a student's own right answers, preferred to its own wrong ones, make it better? With controls.

    python -m benchmarks.own_claim [--seeds 1 2 3] [--variants dpo_3e-5 sft_3e-5]

The student has plateaued: more fine-tuning on fresh rows does not make it better. It answers problems that it has not
met eight times each, and of those that it answers rightly and wrongly one right answer and one wrong one make a pair.
The start is the student as it is packaged, for all seeds; the variants go once over the same pairs:

sft_RATE       on the right answers: the control
dpo_RATE       DPO, sigmoid loss, beta 0.1
dpo+sft_RATE   DPO with an SFT term of weight 1

Greedy and sampled accuracy on held-out problems, other ones for each seed and the same for all variants of a seed.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field
from typing import Any

import distilray as dr
from benchmarks.claims import problems, program, stages
from benchmarks.claims.sitting import Sitting
from benchmarks.claims.trainings import BATCH, dpo, sft
from benchmarks.claims.world import Record, Variant, World, model, packaged

RATES = ("3e-5", "1e-4")
SAMPLES = 8
FIRST_SEED = 500
"""Seeds of the problems begin here."""


@dataclass(frozen=True)
class Sizes:
    problems: int = field(default=3200, metadata={"help": "problems that the student answers for its pairs"})
    pairs: int = field(default=800, metadata={"help": "pairs of each training, a multiple of 32: one step has 32"})
    held_pairs: int = field(default=128, metadata={"help": "further pairs, whose ranking is measured"})
    questions: int = field(default=600, metadata={"help": "held-out problems of each seed"})


def world(sizes: Sizes) -> World:
    steps = sizes.pairs // BATCH

    def trained(trainings: Any, *controls: str) -> Variant:
        return Variant(trainings, "pairs", start="start", controls=controls, ranked="held_pairs")

    variants = {"start": Variant()}
    for rate in RATES:
        mixed = dpo(steps, float(rate), loss={"sigmoid": 1.0, "sft": 1.0})
        variants[f"sft_{rate}"] = trained(sft(steps, float(rate)))
        variants[f"dpo_{rate}"] = trained(dpo(steps, float(rate)), f"sft_{rate}")
        variants[f"dpo+sft_{rate}"] = trained(mixed, f"sft_{rate}")
    return World(
        name="own",
        student=packaged("student_converged"),
        questions=sizes.questions,
        rows={
            "unmet": lambda sitting: unmet(sitting, sizes),
            "own": lambda sitting: right_over_wrong(sitting, sizes),
            "pairs": lambda sitting: sitting.records("own")[: sizes.pairs],
            "held_pairs": lambda sitting: sitting.records("own")[sizes.pairs :],
        },
        variants=variants,
    )


def unmet(sitting: Sitting, sizes: Sizes) -> list[Record]:
    """Problems whose operands the student has not met in its training."""
    from distilray import practice

    drawn = practice.problems(2 * sizes.problems, FIRST_SEED + sitting.seed)
    return list(itertools.islice(problems.fresh(drawn, problems.trained_on()), sizes.problems))


def right_over_wrong(sitting: Sitting, sizes: Sizes) -> list[Record]:
    """As many pairs of the student's own answers as are trained on, then those that are not."""
    step = dr.steps.PreferencePairs(model="student", samples=SAMPLES, chosen="own")
    pairs = stages.passed(sitting, "unmet", {"student": model(sitting.student(None))}, [step], stages.PAIR)
    return stages.first(pairs, sizes.pairs + sizes.held_pairs, "pairs of own answers")


def main() -> int:
    return program.main(__doc__, Sizes, world)


if __name__ == "__main__":
    sys.exit(main())
