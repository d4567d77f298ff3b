"""The trainer in this process, without Ray: what it learns, from whom, and in which portions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from distilray.storage import Store
from distilray.train.methods.distill.divergence import whole_vocabulary
from distilray.train.scoring.scores import token_rows
from tests.support.taught import FORWARD, STEPS, logits_of, scored_run, trained
from tests.support.trainer import logged, model_at


@pytest.fixture(scope="module")
def run(student: str, teacher: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[str]]:
    return scored_run(tmp_path_factory.mktemp("run"), student, teacher)


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


def test_a_training_in_two_stretches_has_the_losses_of_one(
    run: tuple[Store, list[str]], student: str, tmp_path: Path
) -> None:
    whole = trained(run, student, tmp_path / "whole")
    first = trained(run, student, tmp_path / "first", how={"stop": 4})
    assert first.state.global_step == 4
    resume = str(tmp_path / "first" / "out" / "checkpoint-4")
    second = trained(run, student, tmp_path / "second", how={"resume": resume})
    assert logged(first, "loss") == logged(whole, "loss")[:4]
    assert logged(second, "loss") == logged(whole, "loss")
