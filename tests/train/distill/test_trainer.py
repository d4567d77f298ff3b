"""The trainer in this process, without Ray: what it learns, from whom, and in which portions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from distilray.ledger import Store
from distilray.train.distill import Distill
from distilray.train.distill.divergence import whole_vocabulary
from distilray.train.distill.scores import token_rows
from distilray.train.feed import open_feed, write_feed
from distilray.train.kind import Session
from distilray.train.order import batch_order
from distilray.train.tokens import tokenize_unit
from tests.train.distill.taught import FORWARD, logits_of, model_at, score, settings
from tests.train.tiny import rows, write_units

STEPS, BATCH = 8, 8


@pytest.fixture(scope="module")
def run(student: str, teacher: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[str]]:
    """A store with scored token files."""
    store, paths = Store(tmp_path_factory.mktemp("run")), []
    model = model_at(teacher)
    for number, unit in enumerate(write_units(store, rows(64), size=32)):
        paths.append(f"training/distill/tokens/unit-{number:06d}.parquet")
        tokenize_unit(store, unit, settings(), student, paths[-1], "key")
        score(store, paths[-1], model)
    return store, paths


def trained(run: tuple[Store, list[str]], student: str, folder: Path, *, micro: int = BATCH, **changes: Any) -> Any:
    """The trainer after ``STEPS`` steps."""
    store, paths = run
    chosen = settings(learning_rate=3e-3, max_steps=STEPS, epochs=None, **changes)
    job: Any = SimpleNamespace(store=store, tokens=paths, settings=chosen)
    feed_folder = folder / "feed"
    feed_folder.mkdir(parents=True)
    with Distill().beside(job, str(feed_folder)) as join:
        write_feed(store, paths, str(feed_folder), holdout=0.1, pack_to=None, join=join)
    feed = open_feed(str(feed_folder), packed=False)
    common = {
        "output_dir": str(folder / "out"), "max_steps": STEPS, "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": BATCH // micro, "learning_rate": 3e-3, "use_cpu": True, "bf16": False,
        "report_to": "none", "disable_tqdm": True, "logging_steps": 1, "save_strategy": "no", "seed": 0,
        "gradient_checkpointing": False, "lr_scheduler_type": "constant", "eval_strategy": "steps", "eval_steps": STEPS,
        "per_device_eval_batch_size": 4,
    }  # fmt: skip
    trainer = Distill().trainer(
        Session(
            job=job,
            arguments=Distill().arguments(chosen, common),
            model=model_at(student),
            tokenizer=AutoTokenizer.from_pretrained(student),
            feed=feed,
            order=batch_order(feed.lengths, STEPS, BATCH, seed=0, by_length=True),
            adapters=None,
        )
    )
    trainer.train()
    return trainer


def logged(trainer: Any, name: str) -> list[float]:
    return [record[name] for record in trainer.state.log_history if name in record]


def distance(model: Any, teacher: str, run: tuple[Store, list[str]]) -> float:
    """Forward KL from the teacher over the whole vocabulary, mean over trained tokens of some rows."""
    expert = model_at(teacher)
    found = [
        FORWARD.of(*whole_vocabulary(logits_of(model, row), logits_of(expert, row)))
        for row in token_rows(run[0], run[1][0])[:16]
    ]
    return torch.cat(found).mean().item()


def test_it_distils_and_does_not_merely_imitate_answers(
    run: tuple[Store, list[str]], student: str, teacher: str, tmp_path: Path
) -> None:
    taught = trained(run, student, tmp_path / "taught", kd_weight=1.0)
    imitated = trained(run, student, tmp_path / "imitated", kd_weight=1e-9)  # SFT, but for a hair
    before = distance(model_at(student), teacher, run)
    assert distance(taught.model.eval(), teacher, run) < 0.7 * before
    assert distance(taught.model, teacher, run) < 0.7 * distance(imitated.model.eval(), teacher, run)
    assert logged(imitated, "lm_loss")[-1] < logged(taught, "lm_loss")[-1]
    divergence = logged(taught, "divergence")
    assert divergence[-1] < 0.7 * divergence[0]
    assert len(divergence) == STEPS


def test_the_loss_is_what_its_parts_say(run: tuple[Store, list[str]], student: str, tmp_path: Path) -> None:
    both = trained(run, student, tmp_path, kd_weight=0.3)
    for loss, lm, divergence in zip(*(logged(both, n) for n in ("loss", "lm_loss", "divergence")), strict=True):
        assert loss == pytest.approx(0.7 * lm + 0.3 * divergence, rel=1e-3)
    assert logged(both, "eval_loss")[0] > 0


def test_accumulation_changes_nothing(run: tuple[Store, list[str]], student: str, tmp_path: Path) -> None:
    whole = trained(run, student, tmp_path / "whole")
    parts = trained(run, student, tmp_path / "parts", micro=2)
    for name in ("loss", "lm_loss", "divergence"):
        assert logged(parts, name) == pytest.approx(logged(whole, name), abs=2e-3)
