"""Can preferences teach a student another style, and does CogPO's beta for each gap help? With controls.

    python -m benchmarks.style_claim [--seeds 1 2 3] [--variants dpo_1e-4 sft_1e-4]

The student has converged, and then learned from traces as they come, too terse and too wordy ones among them, all of
them right; that is its style at ``start``. The pairs are of other problems: the trace that was aligned to a small
student over the original one. All variants but the start train on as many rows, once each, for as many steps:

sft_RATE        on what is chosen: the control of each rate
dpo_RATE        DPO, sigmoid loss, beta 0.1
dpo+sft         DPO with an SFT term of weight 1
sigmoid_norm    DPO per token, beta 5
mean_beta       pairs of all three gaps, all with the mean of CogPO's three betas
shuffled_beta   the same pairs, each with the beta of a random one of them
cogpo           the same pairs, each with the beta of its gap: these two are its controls

Greedy and sampled accuracy on held-out problems, other ones for each seed and the same for all variants of a seed.
"""

from __future__ import annotations

import itertools
import random
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import distilray as dr
from benchmarks.claims import problems, program, stages
from benchmarks.claims.sitting import Sitting
from benchmarks.claims.trainings import BATCH, dpo, sft
from benchmarks.claims.world import Record, Variant, World, model, packaged

RATES = ("3e-5", "1e-4", "3e-4")
MIDDLE = "1e-4"
GAPS = ("small", "medium", "large")
STYLE_RATE = 1e-3
FIRST_SEED = 300
"""Seeds of the traces begin here."""


@dataclass(frozen=True)
class Sizes:
    style_rows: int = field(default=2000, metadata={"help": "traces from which the student has its style"})
    style_steps: int = field(default=300, metadata={"help": "steps in which it learned that style"})
    pairs: int = field(default=1248, metadata={"help": "pairs of each training, a multiple of 96: one step has 32"})
    held_pairs: int = field(default=200, metadata={"help": "further pairs, whose ranking is measured"})
    questions: int = field(default=600, metadata={"help": "held-out problems of each seed"})


def world(sizes: Sizes) -> World:
    steps, middle, control = sizes.pairs // BATCH, float(MIDDLE), f"sft_{MIDDLE}"
    mean = statistics.fmean(getattr(dr.steps.Betas(), gap) for gap in GAPS)
    by_gap = dpo(steps, middle, row_beta=True)
    return World(
        name="style",
        student=packaged("student_converged"),
        questions=sizes.questions,
        rows={
            "style": lambda sitting: traces(sitting, sizes, "style"),
            "unsuited": lambda sitting: traces(sitting, sizes, "unsuited"),
            "children": children,
            "small": lambda sitting: small(sitting, sizes),
            "pairs": lambda sitting: sitting.records("small")[: sizes.pairs],
            "held_pairs": lambda sitting: sitting.records("small")[sizes.pairs :],
            "gaps": lambda sitting: all_gaps(sitting, sizes),
            "shuffled": shuffled,
        },
        variants={
            "start": Variant(sft(sizes.style_steps, STYLE_RATE), "style"),
            **{f"sft_{rate}": after_start(sft(steps, float(rate))) for rate in RATES},
            **{f"dpo_{rate}": after_start(dpo(steps, float(rate)), f"sft_{rate}") for rate in RATES},
            "dpo+sft": after_start(dpo(steps, middle, loss={"sigmoid": 1.0, "sft": 1.0}), control),
            "sigmoid_norm": after_start(dpo(steps, middle, loss="sigmoid_norm"), control),
            "mean_beta": after_start(dpo(steps, middle, beta=mean), rows="gaps"),
            "shuffled_beta": after_start(by_gap, rows="shuffled"),
            "cogpo": after_start(by_gap, "mean_beta", "shuffled_beta", rows="gaps"),
        },
    )


def after_start(trainings: Any, *controls: str, rows: str = "pairs") -> Variant:
    return Variant(trainings, rows, start="start", controls=controls, ranked="held_pairs")


def traces(sitting: Sitting, sizes: Sizes, which: str) -> list[Record]:
    """Right traces of problems that nobody has met: ``style``, those from which the student has its style, or
    ``unsuited``, those to be aligned, too terse or too wordy."""
    from distilray import practice

    seen, seed = problems.trained_on(), FIRST_SEED + sitting.seed
    mixed = practice.traces(4 * sizes.style_rows, seed, wrong=0.0, column="answer")
    style = list(itertools.islice(problems.fresh(mixed, seen), sizes.style_rows))
    if which == "style":
        return style
    wanted = (sizes.pairs + sizes.held_pairs) * 5 // 4
    unsuited = practice.traces(4 * wanted, FIRST_SEED + 1000 + seed, wrong=0.0, shares={"easy": 1.0, "hard": 1.0})
    return list(itertools.islice(problems.fresh(unsuited, seen), wanted))


def children(sitting: Sitting) -> list[Record]:
    """Pairs of all gaps, of the unsuited traces, with the betas of their gaps."""
    steps = [
        dr.steps.AlignTrace(judge="judge", rewriter="judge", max_rounds=3),
        dr.steps.CognitivePairs(model="student", samples=2, parents="drop"),
        dr.steps.InlineTrace(),
    ]
    models = {
        "judge": model(packaged("judge"), sampling=dr.Sampling(max_tokens=192)),
        "student": model(sitting.student("start"), cpus=0.5),
    }
    return stages.passed(sitting, "unsuited", models, steps, ["parent", *stages.PAIR, "gap", "beta"])


def small(sitting: Sitting, sizes: Sizes) -> list[Record]:
    """As many pairs of the small gap, aligned over original, as are trained on, then those that are not."""
    pairs = [row for row in sitting.records("children") if row["gap"] == "small"]
    return stages.first(pairs, sizes.pairs + sizes.held_pairs, "pairs of the small gap")


def all_gaps(sitting: Sitting, sizes: Sizes) -> list[Record]:
    """Pairs of problems that have one of each gap, none of them among the held-out pairs."""
    held = {question(pair) for pair in sitting.records("held_pairs")}
    by_parent = defaultdict(list)
    for row in sitting.records("children"):
        if question(row) not in held:
            by_parent[row["parent"]].append(row)
    complete = [pairs for pairs in by_parent.values() if len(pairs) == len(GAPS)]
    taken = stages.first(complete, sizes.pairs // len(GAPS), "problems with all gaps")
    return [pair for pairs in taken for pair in pairs]


def question(row: Record) -> str:
    return row["messages"][-1]["content"]


def shuffled(sitting: Sitting) -> list[Record]:
    """The pairs of all gaps, each with the beta of a random one of them."""
    pairs = sitting.records("gaps")
    betas = [pair["beta"] for pair in pairs]
    random.Random(sitting.seed).shuffle(betas)
    return [pair | {"beta": beta} for pair, beta in zip(pairs, betas, strict=True)]


def main() -> int:
    return program.main(__doc__, Sizes, world)


if __name__ == "__main__":
    sys.exit(main())
