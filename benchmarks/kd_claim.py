"""What white-box distillation and preferences are worth where answers are few: 300 worked problems. With controls.

    python -m benchmarks.kd_claim [--seeds 1 2 3] [--variants sft stored]

A tiny student, the packaged warm one (``start``), learns from 300 worked problems; every variant takes the same number
of optimizer steps of the same number of rows:

sft          the right answers
stored       the right answers, and what the teacher expected at each of their tokens (top 32, kept in Parquet)
on_policy    half of the steps SFT, half GKD: the student's own answers in rounds, scored by the teacher

Then preferences come on top of ``sft``, in steps of their own, three passes over pairs of other problems: the right
answer over a wrong one that the student wrote and finds likelier.

sft+dpo_RATE    DPO, sigmoid loss, beta 0.1
sft+sft_RATE    its control: as many steps of fine-tuning on what is chosen

Greedy and sampled accuracy on held-out problems, other ones for each seed and the same for all variants of a seed.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field
from typing import Any

import distilray as dr
from benchmarks.claims import problems, program, stages
from benchmarks.claims.ranking import margins
from benchmarks.claims.sitting import Sitting
from benchmarks.claims.trainings import BATCH, COMMON, dpo, sft
from benchmarks.claims.world import Record, Variant, World, model, packaged
from distilray.practice.arithmetic import draw_problem, record
from distilray.practice.worked import medium

RATE = 3e-3
PREFERENCE_RATES = ("3e-5", "3e-4")
PASSES, ROUNDS, SAMPLES = 3, 4, 4


@dataclass(frozen=True)
class Sizes:
    rows: int = field(default=300, metadata={"help": "worked problems that there are"})
    steps: int = field(default=400, metadata={"help": "optimizer steps of sft, stored and on_policy, a multiple of 8"})
    problems: int = field(default=1600, metadata={"help": "other problems, which the student of sft answers for pairs"})
    pairs: int = field(default=640, metadata={"help": "pairs that are trained on, a multiple of 32"})
    held_pairs: int = field(default=160, metadata={"help": "further pairs, whose ranking is measured"})
    questions: int = field(default=600, metadata={"help": "held-out problems of each seed"})


def world(sizes: Sizes) -> World:
    further = PASSES * sizes.pairs // BATCH

    def on_top(trainings: Any, *controls: str) -> Variant:
        return Variant(trainings, "pairs", start="sft", controls=controls, ranked="held_pairs")

    def from_start(trainings: Any, *controls: str) -> Variant:
        return Variant(trainings, "gold", start="start", controls=controls)

    return World(
        name="kd",
        student=packaged("student_warm"),
        questions=sizes.questions,
        models={"teacher": model(packaged("teacher"), dtype="float32", cpus=0.5, max_num_seqs=64, max_model_len=512)},
        rows={
            "worked": lambda sitting: worked(sitting, sizes),
            "gold": lambda sitting: sitting.records("worked")[: sizes.rows],
            "others": lambda sitting: sitting.records("worked")[sizes.rows :],
            "misranked": lambda sitting: misranked(sitting, sizes),
            "pairs": lambda sitting: sitting.records("misranked")[: sizes.pairs],
            "held_pairs": lambda sitting: sitting.records("misranked")[sizes.pairs :],
        },
        variants={
            "start": Variant(),
            "sft": from_start(sft(sizes.steps, RATE)),
            "stored": from_start((stored(sizes.steps),), "sft"),
            "on_policy": from_start((*sft(sizes.steps // 2, RATE), on_policy(sizes.steps // 2)), "sft"),
            **{f"sft+sft_{rate}": on_top(sft(further, float(rate))) for rate in PREFERENCE_RATES},
            **{f"sft+dpo_{rate}": on_top(dpo(further, float(rate)), f"sft+sft_{rate}") for rate in PREFERENCE_RATES},
        },
    )


def stored(steps: int) -> dr.train.DistillSettings:
    teacher = dr.train.TeacherSettings(model="teacher")
    return dr.train.DistillSettings(
        **COMMON, teachers=(teacher,), top_k=32, kd_weight=0.9, max_steps=steps, learning_rate=RATE
    )


def on_policy(steps: int) -> dr.train.DistillSettings:
    return dr.train.DistillSettings(
        **COMMON,
        start_from="sft",
        teachers=(dr.train.TeacherSettings(model="teacher"),),
        divergence={"jsd": 1.0},
        kd_weight=1.0,
        on_policy=dr.train.OnPolicySettings(rounds=ROUNDS, max_tokens=96),
        max_steps=steps,
        learning_rate=RATE,
    )


def worked(sitting: Sitting, sizes: Sizes) -> list[Record]:
    """Problems with their right answers: those that there are, then the others; no operands twice."""
    rng, seen, records = random.Random(f"kd-claim-{sitting.seed}"), problems.trained_on("student_warm"), []
    while len(records) < sizes.rows + sizes.problems:
        problem = draw_problem(rng, "train")
        records += problems.fresh([{**record(problem), "answer": medium(problem).text}], seen)
    return records


def misranked(sitting: Sitting, sizes: Sizes) -> list[Record]:
    """As many pairs as are trained on, then those that are not: the right answer, and a wrong one of the student of
    ``sft`` that is likelier to it."""
    checkpoint = sitting.student("sft")
    step = dr.steps.PreferencePairs(model="student", samples=SAMPLES)
    pairs = stages.passed(sitting, "others", {"student": model(checkpoint)}, [step], stages.PAIR)
    wrong = [pair for pair, margin in zip(pairs, margins(checkpoint, pairs), strict=True) if margin < 0]
    return stages.first(wrong, sizes.pairs + sizes.held_pairs, "pairs that the student ranks wrongly")


def main() -> int:
    return program.main(__doc__, Sizes, world)


if __name__ == "__main__":
    sys.exit(main())
