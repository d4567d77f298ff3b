"""The claim of DistilQwen2.5-DS3: does a small student learn more from traces that were brought to its level?

    python -m benchmarks.ds3_claim [--seeds 1 2 3] [--variants raw aligned]

The recipe jobs/recipes/practice_ds3.yaml, run once for each seed and each way to prepare the same traces; all students
see the same number of rows and take the same number of optimizer steps:

raw             every trace as it came, too terse, too wordy and wrong ones among them
shortened       condensed, whatever they were, and still right
aligned         medium, at once or after the loop, and still right
aligned+cogpo   the same rows, and the last part of the steps DPO on the pairs made of them, with a beta per pair
right           the raw ones whose answer is right: what checking alone is worth

Accuracy is greedy exact match on operands that nobody trained on, next to the mean output tokens.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import distilray as dr
from benchmarks import record
from benchmarks.comparison import add_options, compare

RECIPE = "jobs/recipes/practice_ds3.yaml"
ALIGN = dr.steps.AlignTrace(judge="judge", rewriter="judge", max_rounds=3)
SHORTEN = dr.steps.ShortenTrace(model="judge")
CHECK = dr.steps.Check(reference="numeric")
PAIRS = dr.steps.CognitivePairs(model="student", samples=2)
INLINE = dr.steps.InlineTrace()
# one worker on one core: at this size several only wait for each other
RESOURCES = dr.train.TrainResources(workers=1, cpus_per_worker=1)

Steps = list[dr.Step | dr.GlobalStep]

VARIANTS: dict[str, Callable[[dr.steps.Select], Steps]] = {
    "raw": lambda equal: [equal, INLINE],
    "shortened": lambda equal: [SHORTEN, equal, INLINE],
    "aligned": lambda equal: [ALIGN, equal, PAIRS, INLINE],  # its training takes no pairs; the next one finds them made
    "aligned+cogpo": lambda equal: [ALIGN, equal, PAIRS, INLINE],
    "right": lambda equal: [CHECK, equal, INLINE],
}
"""Steps; ``equal`` takes as many rows for everyone, chosen without looking at them."""


def main() -> None:
    parser = record.command_line(__doc__, "ds3_claim.json")
    parser.add_argument("--rows", type=int, default=2500, help="traces that come in")
    parser.add_argument("--train-rows", type=int, default=2000, help="rows that every student is trained on")
    parser.add_argument("--steps", type=int, default=300, help="optimizer steps of every student")
    parser.add_argument("--cogpo-steps", type=int, default=60, help="how many of them are CogPO's, where it is used")
    add_options(parser, VARIANTS)
    options = parser.parse_args()
    recipe = dr.load_recipe(record.ROOT / RECIPE)

    def prepare(directory: Path, variant: str, seed: int) -> tuple[dr.Recipe, Path]:
        # aligned rows are made once
        return recipe_of(recipe, variant, seed, options), directory / f"run-{variant.removesuffix('+cogpo')}-{seed}"

    settings = {name: getattr(options, name) for name in ("rows", "train_rows", "steps", "cogpo_steps")}
    compare(options, {"recipe": RECIPE, **settings}, prepare)


def recipe_of(recipe: dr.Recipe, variant: str, seed: int, options: argparse.Namespace) -> dr.Recipe:
    """``recipe`` with the steps and trainings of a variant."""
    [source] = recipe.sources
    source = source.model_copy(update={"with_": {**source.with_, "seed": seed, "rows": options.rows}})
    held_out = {"rows": 500, "seed": 2, "split": "held_out"}
    benchmark = dr.Questions(
        name="practice",
        source=dr.Source(name="held-out", uses="distilray.practice:problems", with_=held_out),
        models=("student_after",),
    )
    changed = {
        "seed": seed,
        "sources": [source],
        "steps": VARIANTS[variant](dr.steps.Select(top=options.train_rows)),
        "train": trainings(variant, seed, options.steps, options.cogpo_steps),
        "evaluate": [benchmark],
    }
    return dr.Recipe(**{**dict(recipe), **changed})


def trainings(variant: str, seed: int, steps: int, cogpo_steps: int) -> list[dr.TrainEntry]:
    common: dict[str, Any] = {
        "student": "student", "seed": seed, "batch_size": 48, "micro_batch_size": 48, "max_length": 320,
        "precision": "fp32", "sharding": "ddp",
    }  # fmt: skip
    with_cogpo = variant == "aligned+cogpo"
    sft = dr.train.SFTSettings(
        name="before-cogpo" if with_cogpo else "sft",
        max_steps=steps - cogpo_steps if with_cogpo else steps,
        learning_rate=3e-3,
        schedule="linear",
        save_every=100,
        **common,
    )
    cogpo = dr.train.DPOSettings(
        name="cogpo",
        start_from="before-cogpo",
        max_steps=cogpo_steps,
        learning_rate=1e-4,
        warmup=0.03,
        save_every=50,
        **common,
    )
    return [dr.TrainEntry(settings, RESOURCES) for settings in ([sft, cogpo] if with_cogpo else [sft])]


if __name__ == "__main__":
    main()
