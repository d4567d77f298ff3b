"""What ``distilray practice`` does: train the models of the world again, measure them, or write its data.

    distilray practice train teacher
    distilray practice train judge
    distilray practice measure judge
    distilray practice make traces --rows 1000 --seed 1 --out traces.jsonl

The teacher comes first: it brings the tokenizer that the others share, and the judge starts from its weights.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from distilray.practice.arithmetic import problems
from distilray.practice.worked import traces

ModelRole = Literal["teacher", "judge", "student_blank", "student_warm"]
Kind = Literal["problems", "traces"]


@dataclass(frozen=True, slots=True)
class Curriculum:
    """How a model is made: ``mix`` is role to share of examples; ``gold`` limits them to so many, seen
    again."""

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

    A checkpoint is written every 100 steps. The teacher comes first: it brings the tokenizer, and the others
    take it from ``teacher`` beside ``out``. Raises ValueError for an unknown role.
    """
    import torch

    from distilray.practice import checkpoints as cards
    from distilray.practice.measurement import measure_model
    from distilray.practice.tokenizer import load_tokenizer, train_tokenizer
    from distilray.practice.training import Shape, blank_model, stream
    from distilray.practice.training import train as fit

    curriculum = _curriculum(role)
    out = out or cards.CHECKPOINTS / role
    out.mkdir(parents=True, exist_ok=True)
    if role == "teacher":
        train_tokenizer(out)
    tokenizer = load_tokenizer(out.parent / "teacher" if role != "teacher" else out)
    torch.set_num_threads(min(2, torch.get_num_threads()))
    if curriculum.starts_from:
        model = cards.load(out.parent / curriculum.starts_from)
    else:
        model = blank_model(Shape(curriculum.hidden, curriculum.layers), tokenizer, seed)
    card = {
        "role": role,
        "command": f"distilray practice train {role}",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "roles": sorted(curriculum.mix),
        "wordings": cards.wordings(sorted(curriculum.mix)),
        "starts_from": curriculum.starts_from,
        "seed": seed,
        "steps": 0,
        "seconds": 0.0,
    }

    def report(step: int, loss: float) -> None:
        print(f"{role}: step {step}, loss {loss:.4f}", flush=True)
        if step % 100 == 0:
            cards.save(model, tokenizer, out, card | {"steps": step})

    steps = curriculum.steps if steps is None else steps
    examples = stream(curriculum.mix, tokenizer, seed)
    if curriculum.gold:
        examples = _again_and_again(list(itertools.islice(examples, curriculum.gold)), seed)
    if steps:
        seconds = fit(model, examples, steps=steps, rate=curriculum.rate, seed=seed, every=20, report=report)
        card |= {"steps": steps, "seconds": round(seconds, 1)}
    cards.save(model, tokenizer, out, card)
    card["held_out"] = measure_model(cards.load(out), tokenizer, curriculum.mix)
    cards.save(model, tokenizer, out, card)
    return card


def measure(role: str, rows: int = 400) -> dict[str, float]:
    """The packaged model's figures on ``rows`` held-out examples of each of its roles, greedy."""
    from distilray.practice import checkpoints as cards
    from distilray.practice.measurement import measure_model
    from distilray.practice.tokenizer import load_tokenizer

    path = cards.CHECKPOINTS / role
    return measure_model(cards.load(path), load_tokenizer(path), _curriculum(role).mix, rows)


def make(kind: str, rows: int, seed: int, out: Path, **settings: Any) -> None:
    """Write ``rows`` records of :func:`problems` or :func:`traces` to ``out`` as JSON lines."""
    sources = {"problems": problems, "traces": traces}
    if kind not in sources:
        raise ValueError(f"practice make: expected one of {', '.join(get_args(Kind))}, found {kind!r}")
    with out.open("w", encoding="utf-8") as file:
        for record in sources[kind](rows, seed, **settings):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _curriculum(role: str) -> Curriculum:
    if role not in CURRICULA:
        raise ValueError(f"practice: expected one of {', '.join(CURRICULA)}, found {role!r}")
    return CURRICULA[role]


def _again_and_again(examples: list[Any], seed: int) -> Iterator[Any]:
    rng = random.Random(f"again-{seed}")
    while True:
        rng.shuffle(examples)
        yield from examples
