"""The models of the practice world: how each is made, trained again and measured.

    distilray practice train teacher
    distilray practice train judge
    distilray practice measure judge

The teacher comes first: it brings the tokenizer that the others share, and the judge starts from its weights.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import Qwen2ForCausalLM

from distilray.errors import InputError
from distilray.practice import checkpoints, training
from distilray.practice.measurement import measure_model
from distilray.practice.tokenizer import load_tokenizer, train_tokenizer
from distilray.practice.training import Shape, blank_model, stream

ModelRole = Literal["teacher", "judge", "student_blank", "student_warm", "student_converged"]


PLATEAU_ROWS = 1000
"""Held-out examples by which a plateau is shown: a standard error of half a point at 97 %."""

Optimizers = Callable[[Qwen2ForCausalLM, float], list[torch.optim.Optimizer]]


@dataclass(frozen=True, slots=True)
class Plateau:
    """Last steps at a low rate on examples that are not repeated, and further ones that show that more do not help."""

    steps: int
    rate: float
    further: tuple[int, ...]


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
    optimizers: Optimizers = training.muon
    plateau: Plateau | None = None


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
    "student_converged": Curriculum(
        64,
        {"conversation": 1.0},
        steps=400,
        rate=3e-3,
        starts_from="student_warm",
        gold=2000,
        optimizers=training.adamw,
        plateau=Plateau(steps=150, rate=1e-3, further=(100, 200)),
    ),
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
    if steps:
        done, seconds = _fit(model, curriculum, examples, steps, seed, report)
        card |= {"steps": done, "seconds": round(seconds, 1)}
    checkpoints.save(model, tokenizer, out, card)
    card["held_out"] = measure_model(checkpoints.load(out), tokenizer, curriculum.mix)
    if steps and curriculum.plateau:
        card["further_steps"] = _further_steps(out, tokenizer, curriculum, examples, seed)
    checkpoints.save(model, tokenizer, out, card)
    return card


def _fit(
    model: Qwen2ForCausalLM,
    curriculum: Curriculum,
    fresh: Iterator[Any],
    steps: int,
    seed: int,
    report: Callable[[int, float], None],
) -> tuple[int, float]:
    """Trains ``model`` in place; returns steps and seconds."""
    taken = list(itertools.islice(fresh, curriculum.gold)) if curriculum.gold else []
    examples = _again_and_again(taken, seed) if taken else fresh
    common: dict[str, Any] = {"seed": seed, "optimizers": curriculum.optimizers, "every": 20, "report": report}
    seconds = training.train(model, examples, steps=steps, rate=curriculum.rate, **common)
    if plateau := curriculum.plateau:
        seconds += training.train(model, fresh, steps=plateau.steps, rate=plateau.rate, **common)
        steps += plateau.steps
    return steps, seconds


def _further_steps(path: Path, tokenizer: Any, curriculum: Curriculum, fresh: Iterator[Any], seed: int) -> list[Any]:
    """The figures of the checkpoint at ``path``, and of copies after further steps on fresh examples, each with its own
    warm-up and decay: where they do not rise, the model has converged."""
    assert curriculum.plateau is not None
    found = []
    for steps in (0, *curriculum.plateau.further):
        model = checkpoints.load(path)
        if steps:
            settings: dict[str, Any] = {"seed": seed, "optimizers": curriculum.optimizers}
            training.train(model, fresh, steps=steps, rate=curriculum.plateau.rate, **settings)
        figures = measure_model(model, tokenizer, curriculum.mix, PLATEAU_ROWS)
        found.append({"steps": steps} | {role: figures[role] for role in curriculum.mix})
        print(f"{path.name}: {steps} further steps, {found[-1]}", flush=True)
    return found


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
