"""What white-box distillation is worth where answers are few: the practice world, a tiny student, 300 worked problems.

    python -m benchmarks.kd_claim [--seeds 1 2 3] [--variants sft stored]

The recipe jobs/recipes/practice_kd.yaml, run once for each seed and each variant of training on the same problems;
every variant takes the same number of optimizer steps of the same number of rows:

sft          the right answers
stored       the right answers, and what the teacher expected at each of their tokens (top 32, kept in Parquet)
on_policy    half of the steps SFT, half GKD: the student's own answers in rounds, scored by the teacher
dpo          three quarters SFT, a quarter DPO: the right answers against ones with a slip in them
dpo_fast     the same at ten times DPO's learning rate

Accuracy is greedy exact match on operands that nobody trained on, with its mean over seeds and their standard
deviation.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import distilray as dr
from benchmarks import record
from benchmarks.comparison import add_options, compare

RECIPE = "jobs/recipes/practice_kd.yaml"
ROUNDS = 4
RESOURCES = dr.train.TrainResources(workers=2, cpus_per_worker=0.75)

Trainings = list[dr.train.TrainSettings]


def main() -> None:
    parser = record.command_line(__doc__, "kd_claim.json")
    parser.add_argument("--rows", type=int, default=300, help="worked problems that there are")
    parser.add_argument("--steps", type=int, default=400, help="optimizer steps, a multiple of 8")
    parser.add_argument("--batch", type=int, default=32, help="rows of a step")
    parser.add_argument("--questions", type=int, default=300, help="held-out problems")
    add_options(parser, VARIANTS)
    options = parser.parse_args()
    recipe = dr.load_recipe(record.ROOT / RECIPE)

    def prepare(directory: Path, variant: str, seed: int) -> tuple[dr.Recipe, Path]:
        data = directory / f"pairs-{seed}.jsonl"
        write_pairs(data, options.rows, seed)
        trainings = VARIANTS[variant](common(options.batch, seed), options.steps)
        return recipe_of(recipe, seed, data, trainings, options.questions), directory / f"run-{variant}-{seed}"

    settings = {name: getattr(options, name) for name in ("rows", "steps", "batch", "questions")}
    compare(options, {"recipe": RECIPE, **settings}, prepare)


def recipe_of(recipe: dr.Recipe, seed: int, data: Path, trainings: Trainings, questions: int) -> dr.Recipe:
    """``recipe`` that trains on the pairs in ``data``, without steps, and measures the trained student."""
    pairs = dr.Source(name="pairs", path=str(data), license="Apache-2.0")
    held_out = {"rows": questions, "seed": 2, "split": "held_out"}
    benchmark = dr.Questions(
        name="practice",
        source=dr.Source(name="held-out", uses="distilray.practice:problems", with_=held_out),
        models=("student_after",),
    )
    train = [dr.TrainEntry(settings, RESOURCES) for settings in trainings]
    changed = {"seed": seed, "sources": [pairs], "steps": [], "train": train, "evaluate": [benchmark]}
    return dr.Recipe(**{**dict(recipe), **changed})


def write_pairs(path: Path, rows: int, seed: int) -> None:
    """Worked problems of the training operands: ``chosen`` is right, ``rejected`` has a slip in it."""
    from distilray.practice.arithmetic import draw_problem, record
    from distilray.practice.worked import Slip, draw_trace, medium

    rng = random.Random(f"kd-claim-{seed}")
    lines = []
    for _ in range(rows):
        problem = draw_problem(rng, "train")
        slip = rng.choice([slip for slip in get_args(Slip) if slip != "unfinished"])
        wrong = draw_trace(problem, "medium", rng, slip)
        pair = {**record(problem), "chosen": medium(problem).text, "rejected": wrong.text}
        lines.append(json.dumps(pair, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def common(batch: int, seed: int) -> dict[str, Any]:
    """Settings that all trainings have, unless a variant changes them."""
    return {
        "student": "student", "learning_rate": 3e-3, "schedule": "linear", "batch_size": batch, "micro_batch_size": 32,
        "max_length": 256, "precision": "fp32", "seed": seed, "save_every": 10_000,
    }  # fmt: skip


def sft(common: dict[str, Any], steps: int) -> Trainings:
    return [dr.train.SFTSettings(max_steps=steps, **common)]


def stored(common: dict[str, Any], steps: int) -> Trainings:
    teacher = dr.train.TeacherSettings(model="teacher")
    return [dr.train.DistillSettings(teachers=(teacher,), top_k=32, kd_weight=0.9, max_steps=steps, **common)]


def on_policy(common: dict[str, Any], steps: int) -> Trainings:
    gkd = dr.train.DistillSettings(
        start_from="sft",
        teachers=(dr.train.TeacherSettings(model="teacher"),),
        divergence={"jsd": 1.0},
        kd_weight=1.0,
        on_policy=dr.train.OnPolicySettings(rounds=ROUNDS, max_tokens=96),
        max_steps=steps // 2,
        **common,
    )
    return [*sft(common, steps // 2), gkd]


def dpo(common: dict[str, Any], steps: int, learning_rate: float = 3e-5) -> Trainings:
    preferred = common | {"start_from": "sft", "learning_rate": learning_rate, "warmup": 0.03}
    return [*sft(common, steps * 3 // 4), dr.train.DPOSettings(max_steps=steps // 4, **preferred)]


def dpo_fast(common: dict[str, Any], steps: int) -> Trainings:
    return dpo(common, steps, learning_rate=3e-4)


VARIANTS: dict[str, Callable[[dict[str, Any], int], Trainings]] = {
    "sft": sft,
    "stored": stored,
    "on_policy": on_policy,
    "dpo": dpo,
    "dpo_fast": dpo_fast,
}


if __name__ == "__main__":
    main()
