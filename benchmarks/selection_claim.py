"""Does a student learn more from rows that are hard for it, balanced over languages, and from conversations?

    python -m benchmarks.selection_claim [--seeds 1 2 3] [--variants random selected]

Four of five problems in the pool are in English, and a warm teacher answers them, at times wrongly. The student (the
packaged warm one, fine-tuned on the same mix: ``start``) answers them too, and a judge scores both. All variants
continue from there with the same number of rows, steps and learning rate, on other rows of the pool:

random               whichever: the control of the others
judged               whichever of those whose answer the judge finds right: what checking alone is worth
selected             the harder part by ``difficulty``, then as many Chinese rows as English ones
random+follow_up     the rows of random, half of them continued by a follow-up question, whose answer is learned
selected+follow_up   the rows of selected, in the same way

The follow-ups are planted: no tiny model plays a user, so that a server on loopback asks for one more subtraction from
the result, and answers it rightly. Held-out problems are questions alone, half of them in Chinese.

Greedy and sampled accuracy on held-out problems, other ones for each seed and the same for all variants of a seed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import distilray as dr
from benchmarks.claims import program, stages
from benchmarks.claims.sitting import Sitting
from benchmarks.claims.trainings import BATCH, sft
from benchmarks.claims.world import Record, Variant, World, model, packaged
from benchmarks.planted import practice_user
from benchmarks.planted.server import serving
from distilray.practice.arithmetic import Language, draw_problem, record
from distilray.practice.worked import medium

WARM_RATE, RATE, PASSES = 3e-3, 1e-3, 6
LANGUAGES: tuple[Language, ...] = ("en", "en", "en", "en", "zh")
"""Each problem's is drawn from these."""
HARDER = 0.6
"""Share of the pool that counts as hard."""
FIRST_SEED = 700
"""Seeds of the pools begin here."""
LEARNED = ("messages", "answer")
SCORED = {"difficulty": "float", "teacher_accuracy": "float"}

Steps = Sequence[dr.Step | dr.GlobalStep]


@dataclass(frozen=True)
class Sizes:
    warm_rows: int = field(default=2000, metadata={"help": "worked problems from which the student learned before"})
    warm_steps: int = field(default=450, metadata={"help": "steps in which it did"})
    pool: int = field(default=2400, metadata={"help": "problems to choose from"})
    rows: int = field(default=512, metadata={"help": "rows that every variant learns from, a multiple of 32"})
    questions: int = field(default=600, metadata={"help": "held-out problems of each seed"})


def world(sizes: Sizes) -> World:
    steps = PASSES * sizes.rows // BATCH

    def continued(rows: str, *controls: str) -> Variant:
        return Variant(sft(steps, RATE), rows, start="start", controls=controls)

    return World(
        name="selection",
        student=packaged("student_warm"),
        questions=sizes.questions,
        rows={
            "warm": lambda sitting: warm(sitting, sizes),
            "scored": lambda sitting: scored(sitting, sizes),
            "random": lambda sitting: chosen(sitting, sizes, "random", []),
            "judged": lambda sitting: chosen(sitting, sizes, "judged", [RIGHT]),
            "selected": lambda sitting: chosen(sitting, sizes, "selected", harder(sizes)),
            **{
                f"{name}+follow_up": lambda sitting, name=name: followed_up(sitting, sizes, name)
                for name in ("random", "selected")
            },
        },
        variants={
            "start": Variant(sft(sizes.warm_steps, WARM_RATE), "warm"),
            "random": continued("random"),
            "judged": continued("judged", "random"),
            "selected": continued("selected", "random", "judged"),
            "random+follow_up": continued("random+follow_up", "random"),
            "selected+follow_up": continued("selected+follow_up", "selected", "random+follow_up"),
        },
    )


RIGHT = dr.steps.Select(by="teacher_accuracy", at_least=5)


def harder(sizes: Sizes) -> Steps:
    """The harder part of the pool, then equal parts of both languages."""
    return [
        dr.steps.Select(by="difficulty", share=HARDER),
        dr.steps.Balance(languages=("en", "zh"), rows=sizes.rows, language_gap=0.0),
    ]


def warm(sitting: Sitting, sizes: Sizes) -> list[Record]:
    """Worked problems in the languages of the pool."""
    rng = random.Random(f"selection-claim-{sitting.seed}")
    drawn = [draw_problem(rng, "train", languages=LANGUAGES) for _ in range(sizes.warm_rows)]
    return [{**record(problem), "answer": medium(problem).text} for problem in drawn]


def scored(sitting: Sitting, sizes: Sizes) -> list[Record]:
    """The pool with the teacher's answers, and how hard each row is for the student as it starts."""
    given = {"rows": sizes.pool, "seed": FIRST_SEED + sitting.seed, "languages": list(LANGUAGES)}
    source = dr.Source(name="pool", uses="distilray.practice:problems", with_=given)
    models = {
        "teacher": model(packaged("teacher"), cpus=0.5, sampling=dr.Sampling(max_tokens=128, temperature=0.7)),
        "judge": model(packaged("judge"), cpus=0.5, sampling=dr.Sampling(max_tokens=192)),
        "student": model(sitting.student("start"), cpus=0.4),
    }
    steps = [dr.steps.Answer(model="teacher"), dr.steps.ScoreDifficulty(student="student", judge="judge")]
    return stages.passed(sitting, source, models, steps, [*LEARNED, "language", "task", *SCORED])


def chosen(sitting: Sitting, sizes: Sizes, name: str, steps: Steps) -> list[Record]:
    """As many rows of the scored pool as everybody gets: what ``steps`` keep, and of that a sample."""
    source = dr.Source(name=name, path=str(sitting.rows("scored")), keep=SCORED)
    equal = dr.steps.Select(top=sizes.rows)
    columns = [*LEARNED, "language", "task"]
    rows = stages.passed(sitting, source, {}, [*steps, ("equal", equal)], columns)
    return stages.first(rows, sizes.rows, f"{name} rows")


def followed_up(sitting: Sitting, sizes: Sizes, name: str) -> list[Record]:
    """The rows ``name``, half of them as conversations of two questions."""
    step = dr.steps.FollowUp(model="user", checker="user", turns=1, share=0.5, tries=1, parents="drop")
    source = dr.Source(name=f"{name}-follow_up", path=str(sitting.rows(name)))
    with serving(practice_user.say) as url:
        user: dict[str, Any] = {"user": dr.OpenAIModel(base_url=url, model="planted", structured="vllm")}
        rows = stages.passed(sitting, source, user, [step], [*LEARNED, "language", "task"])
    return stages.first(rows, sizes.rows, f"rows of {name} with follow-ups")


def main() -> int:
    return program.main(__doc__, Sizes, world)


if __name__ == "__main__":
    sys.exit(main())
