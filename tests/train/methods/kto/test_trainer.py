"""KTO's first step against its formula in fp64, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from distilray.rows import schema_with
from distilray.storage import Store
from distilray.train import CannotTrain, KTOSettings, UntrainableRow, load_chat, method_named
from distilray.train.data.tokens import tokenize_unit
from tests.support import losses_written_out as written
from tests.support.gradients import CLOSE, apart, exact_model, gradient_of
from tests.support.preferred import TOKENS, first_step, job, joined_feed, trainer_on
from tests.support.ranks import alone
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units

BASE = {"kind": "kto", "student": "tiny", "max_steps": 4, "max_length": 256, "precision": "fp32"}


@pytest.fixture(autouse=True)
def _group_of_one() -> Iterator[None]:
    with alone():
        yield


def settings(**changes: Any) -> KTOSettings:
    return KTOSettings.model_validate({**BASE, **changes})


def rated(folder: Path, student: str) -> Store:
    """Eight rows as tokens, every third one bad."""
    store = Store(folder)
    made = [row | {"label": k % 3 != 0} for k, row in enumerate(rows(8))]
    (unit,) = write_units(store, made, schema=schema_with({"label": "bool"}))
    tokenize_unit(spec_of(store, settings(), student), unit, TOKENS, "key")
    return store


def log_prob(model: Any, prompt: list[int], answer: list[int]) -> torch.Tensor:
    ids = prompt + answer
    return written.log_probs(model(torch.tensor([ids])).logits[0], ids, len(prompt)).sum()


def expected(student: str, reference: str, some: list[dict], chosen: KTOSettings) -> dict[str, torch.Tensor]:
    """The gradient of a step, its reference point estimated as the paper does, from shifted pairs."""
    model, frozen = exact_model(student), exact_model(reference)
    split = []
    for row in some:
        start = next(place for place, label in enumerate(row["labels"]) if label != -100)
        end = max(place for place, label in enumerate(row["labels"]) if label != -100) + 1
        split.append((row["input_ids"][:start], row["input_ids"][start:end]))
    with torch.no_grad():
        shifted = [(prompt, split[(k + 1) % len(split)][1]) for k, (prompt, _) in enumerate(split)]
        zero = torch.stack([log_prob(model, *pair) - log_prob(frozen, *pair) for pair in shifted]).mean().clamp(min=0)
    losses = []
    for (prompt, answer), row in zip(split, some, strict=True):
        with torch.no_grad():
            theirs = log_prob(frozen, prompt, answer)
        weight = chosen.desirable_weight if row["desirable"] else chosen.undesirable_weight
        ratio = log_prob(model, prompt, answer) - theirs
        losses.append(weight * written.kto(ratio, row["desirable"], chosen.beta, zero))
    torch.stack(losses).mean().backward()
    return gradient_of(model)


@pytest.mark.parametrize("moved", [0.0, 0.02])
def test_the_first_gradient_is_that_of_the_written_out_loss(student: str, tmp_path: Path, moved: float) -> None:
    """From the reference itself, and from a student that has moved away from it, whose reference point is not 0."""
    chosen = settings(beta=0.3, undesirable_weight=1.3)
    store = rated(tmp_path / "run", student)
    feed = joined_feed(store, tmp_path / "feed", job(store, student, chosen))
    trainer = trainer_on(store, student, feed, tmp_path, chosen, max_grad_norm=0.0)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter.add_(moved * torch.randn_like(parameter))
    trainer.model.save_pretrained(tmp_path / "moved")
    _, gradient = first_step(trainer)
    exact = expected(str(tmp_path / "moved"), student, list(feed.train)[:4], chosen)
    assert apart(gradient, exact) < CLOSE
    (record,) = [record for record in trainer.state.log_history if "rewards/margins" in record]
    assert record["kl"] == pytest.approx(0, abs=1e-4) if moved == 0 else record["kl"] > 0.1


def test_good_answers_rise_and_bad_ones_fall(student: str, tmp_path: Path) -> None:
    chosen = settings(learning_rate=3e-3)
    store = rated(tmp_path / "run", student)
    feed = joined_feed(store, tmp_path / "feed", job(store, student, chosen))
    trainer = trainer_on(store, student, feed, tmp_path, chosen)
    trainer.train()
    margins = [record["rewards/margins"] for record in trainer.state.log_history if "rewards/margins" in record]
    assert margins[-1] > margins[0]


def test_a_label_that_is_no_truth_value_fails(student: str) -> None:
    (row,) = rows(1)
    found = method_named("kto").tokenize(row | {"label": "good"}, load_chat(student, settings()), settings())
    assert found == UntrainableRow("failed", "its label is neither true nor false")


def test_a_micro_batch_of_one_row_is_refused() -> None:
    with pytest.raises(ValidationError, match="set micro_batch_size: 2 or more"):
        settings(micro_batch_size=1)
    with pytest.raises(CannotTrain, match="make batch_size an even multiple of the workers"):
        method_named("kto").arguments(settings(batch_size=3), {"per_device_train_batch_size": 1})
