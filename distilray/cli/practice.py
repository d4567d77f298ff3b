"""The practice world: make its problems, train its tiny models, measure them on operands they never saw.

distilray practice make problems --rows 1000 --seed 7 --out problems.jsonl
distilray practice train teacher
distilray practice measure judge
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from distilray import practice


def arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="make|train|measure", required=True)
    make = verbs.add_parser("make", help="write generated records as JSON lines")
    make.add_argument("kind", choices=tuple(practice.SOURCES))
    make.add_argument("--rows", type=int, default=1000, help="how many records (default 1000)")
    make.add_argument("--seed", type=int, default=1, help="the same seed gives the same records (default 1)")
    make.add_argument("--out", type=Path, required=True, help="file to write")
    train = verbs.add_parser("train", help="train a role's model again")
    train.add_argument("role", help="teacher, judge, student_blank, student_warm or student_converged")
    train.add_argument("--out", type=Path, help="checkpoint directory (default: where the packaged model is)")
    train.add_argument("--steps", type=int, help="optimizer steps (default: as the packaged model was trained)")
    train.add_argument("--seed", type=int, default=1, help="seed of weights and examples (default 1)")
    measure = verbs.add_parser("measure", help="measure a role's model on held-out operands")
    measure.add_argument("role", help="teacher, judge, student_blank, student_warm or student_converged")
    measure.add_argument("--rows", type=int, default=400, help="examples of each kind (default 400)")


def call(options: argparse.Namespace) -> int:
    match options.verb:
        case "make":
            practice.make(options.kind, options.rows, options.seed, options.out)
        case "train":
            print(json.dumps(practice.train(options.role, options.out, options.steps, options.seed), indent=1))
        case "measure":
            print(json.dumps(practice.measure(options.role, options.rows), indent=1))
    return 0
