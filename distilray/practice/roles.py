"""The models of the practice world: how each is made, trained again and measured.

    distilray practice train teacher
    distilray practice train judge
    distilray practice measure judge

The teacher comes first: it brings the tokenizer that the others share, and the judge starts from its weights.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from distilray.errors import InputError
from distilray.practice import checkpoints, training
from distilray.practice.measurement import measure_model
from distilray.practice.tokenizer import load_tokenizer, train_tokenizer
from distilray.practice.training import Shape, blank_model, stream

ModelRole = Literal["teacher", "judge", "student_blank", "student_warm"]


@dataclass(frozen=True, slots=True)
class Curriculum:
    """How a model is made: ``mix`` maps prompts to shares of examples; ``gold`` limits them to that many, repeated."""

    hidden: int
    mix: Mapping[str, float]
    steps: int
    rate: float
    starts_from: ModelRole | None = None
    gold: int | None = None
    layers: int = 4


CURRICULA: dict[str, Curriculum] = {
    "teacher": Curriculum(128, {"answer": 0.8, "conversation": 0.2}, steps=600, rate=4e-3),
    "judge": Curriculum(
        128,
        {"judge": 0.4, "rate_trace": 0.1, "shorten_trace": 0.22, "extend_trace": 0.28},
        steps=1200,
        rate=4e-3,
        starts_from="teacher",
    ),
    "student_blank": Curriculum(64, {"conversation": 1.0}, steps=0, rate=0.0),
    "student_warm": Curriculum(64, {"conversation": 1.0}, steps=200, rate=4e-3, gold=100),
}


def train(role: str, out: Path | None = None, steps: int | None = None, seed: int = 1) -> dict[str, Any]:
    """Make the model of ``role`` in ``out`` (default: its place in the package) and return its card.

    A checkpoint is written every 100 steps. The teacher comes first: it brings the tokenizer, and the others take it
    from the directory ``teacher`` next to ``out``. Raises InputError for an unknown role.
    """
    curriculum = _curriculum(role)
    out = out or checkpoints.CHECKPOINTS / role
    out.mkdir(parents=True, exist_ok=True)
    if role == "teacher":
        train_tokenizer(out)
    tokenizer = load_tokenizer(out.parent / "teacher" if role != "teacher" else out)
    torch.set_num_threads(min(2, torch.get_num_threads()))
    if curriculum.starts_from:
        model = checkpoints.load(out.parent / curriculum.starts_from)
    else:
        model = blank_model(Shape(curriculum.hidden, curriculum.layers), tokenizer, seed)
    card = {
        "role": role,
        "command": f"distilray practice train {role}",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "roles": sorted(curriculum.mix),
        "wordings": checkpoints.wordings(sorted(curriculum.mix)),
        "starts_from": curriculum.starts_from,
        "seed": seed,
        "steps": 0,
        "seconds": 0.0,
    }

    def report(step: int, loss: float) -> None:
        print(f"{role}: step {step}, loss {loss:.4f}", flush=True)
        if step % 100 == 0:
            checkpoints.save(model, tokenizer, out, card | {"steps": step})

    steps = curriculum.steps if steps is None else steps
    examples = stream(curriculum.mix, tokenizer, seed)
    if curriculum.gold:
        examples = _again_and_again(list(itertools.islice(examples, curriculum.gold)), seed)
    if steps:
        seconds = training.train(model, examples, steps=steps, rate=curriculum.rate, seed=seed, every=20, report=report)
        card |= {"steps": steps, "seconds": round(seconds, 1)}
    checkpoints.save(model, tokenizer, out, card)
    card["held_out"] = measure_model(checkpoints.load(out), tokenizer, curriculum.mix)
    checkpoints.save(model, tokenizer, out, card)
    return card


def measure(role: str, rows: int = 400) -> dict[str, float]:
    """The packaged model's figures on ``rows`` held-out examples of each of its prompts, greedy.

    Raises InputError for an unknown role.
    """
    mix, path = _curriculum(role).mix, checkpoints.CHECKPOINTS / role
    return measure_model(checkpoints.load(path), load_tokenizer(path), mix, rows)


def _curriculum(role: str) -> Curriculum:
    if role not in CURRICULA:
        raise InputError(f"no role {role!r} in the practice world; its roles are {', '.join(CURRICULA)}")
    return CURRICULA[role]


def _again_and_again(examples: list[Any], seed: int) -> Iterator[Any]:
    rng = random.Random(f"again-{seed}")
    while True:
        rng.shuffle(examples)
        yield from examples
