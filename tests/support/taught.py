"""A teacher's scores of token files, made by transformers in place of an engine; for tests of distillation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from distilray.models import VLLMModel
from distilray.models.scores import pack
from distilray.storage import Store
from distilray.train.data.tokens import tokenize_unit
from distilray.train.data.training_data import open_feed, write_feed
from distilray.train.methods.distill.divergence import Objective, top_k_of
from distilray.train.methods.distill.method import Distill
from distilray.train.methods.distill.settings import DistillSettings
from distilray.train.scoring.scores import (
    ScoreCounts,
    scored_row,
    scores_path,
    token_rows,
    trained_positions,
    write_scores,
)
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units
from tests.support.trainer import BATCH, arguments_in, model_at, trained_here

K = 8
STEPS = 8
FORWARD = Objective({"forward_kl": 1.0})


def settings(**changes: Any) -> DistillSettings:
    base = {"student": "tiny", "epochs": 1, "max_length": 256, "top_k": K}
    if "teachers" not in changes:
        base["teacher"] = "teacher"
    return DistillSettings.model_validate({**base, **changes})


def logits_of(model: Any, row: dict[str, Any]) -> torch.Tensor:
    """At the trained positions of one row, ``(n, vocabulary)``."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0]
    return logits[[place - 1 for place in trained_positions(row["labels"])]]


def score(store: Store, path: str, teacher: Any, name: str = "teacher", leave_out: str = "") -> None:
    """As an engine does, but by transformers."""
    scored = []
    for row in token_rows(store, path):
        top = top_k_of(logits_of(teacher, row), K)
        if row["id"] != leave_out:
            scored.append(
                scored_row(row["id"], trained_positions(row["labels"]), pack(top.ids.numpy(), top.log_probs.numpy()))
            )
    write_scores(store, scores_path(path, name), scored, "key", ScoreCounts(kept=len(scored)))


def scored_run(folder: Path, student: str, teacher: str) -> tuple[Store, list[str]]:
    """A store in ``folder`` with the token files of 64 rows, and their scores."""
    store, paths = Store(folder), []
    model = model_at(teacher)
    for number, unit in enumerate(write_units(store, rows(64), size=32)):
        paths.append(f"training/distill/tokens/unit-{number:06d}.parquet")
        tokenize_unit(spec_of(store, settings(), student), unit, paths[-1], "key")
        score(store, paths[-1], model)
    return store, paths


def feed_in(
    store: Store, paths: list[str], folder: Path, *, packed: bool = False, holdout: float = 0, **changes: Any
) -> None:
    """Writes the feed into ``folder`` as the first worker of a node does."""
    folder.mkdir(parents=True)
    job: Any = SimpleNamespace(store=store, tokens=paths, settings=settings(**changes))
    with Distill().joins(job, str(folder)) as join:
        write_feed(store, paths, str(folder), holdout=holdout, pack_to=256 if packed else None, join=join)


def trained(
    run: tuple[Store, list[str]],
    student: str,
    folder: Path,
    *,
    micro: int = BATCH,
    workers: int = 1,
    teacher: str = "",
    models: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
    how: dict[str, Any] | None = None,
    stop: int | None = None,
    resume: str | None = None,
    prepared: Any = None,
    **changes: Any,
) -> Any:
    """The trainer after ``STEPS`` steps, with ``how`` of :func:`trained_here`. Each of ``workers`` calls it, with a
    folder of its own."""
    store, paths = run
    chosen = settings(learning_rate=3e-3, max_steps=STEPS, epochs=None, **changes)
    known = {name: VLLMModel(path=path) for name, path in (models or {"teacher": teacher}).items()}
    resources = SimpleNamespace(workers=workers)
    job: Any = SimpleNamespace(
        store=store, tokens=paths, settings=chosen, models=known, resources=resources, out="training/distill"
    )
    feed_in(
        store,
        paths,
        folder / "feed",
        packed=chosen.packing,
        holdout=0.1,
        source=chosen.source,
        teachers=chosen.teachers,
    )
    feed = open_feed(str(folder / "feed"), packed=chosen.packing)
    arguments = arguments_in(folder, steps=STEPS, micro=micro, workers=workers, evaluate=True) | (more or {})
    where: dict[str, Any] = {"workers": workers, "stop": stop, "resume": resume, "prepared": prepared, **(how or {})}
    return trained_here(Distill(), job, arguments, feed, student, **where)
