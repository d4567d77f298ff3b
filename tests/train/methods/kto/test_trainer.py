"""KTO's steps against its formula in fp64, however a step is split; and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from distilray.storage import Store
from distilray.train import UntrainableRow, load_chat, method_named
from distilray.train.data.training_data import TrainingData, open_feed, write_feed
from tests.support.gradients import CLOSE, apart
from tests.support.preferred import TOKENS, feed_of, first_step, job, joined_feed, trainer_on
from tests.support.ranks import alone
from tests.support.rated import kto_in_fp64, moved_away, rated, settings
from tests.support.tiny import rows


@pytest.fixture(autouse=True)
def _group_of_one() -> Iterator[None]:
    with alone():
        yield


@pytest.mark.parametrize("moved", [0.0, 0.02])
def test_the_first_gradient_is_that_of_the_written_out_loss(student: str, tmp_path: Path, moved: float) -> None:
    """From the reference itself, and from a student that has moved away from it, whose reference point is not 0."""
    chosen = settings(beta=0.3, undesirable_weight=1.3)
    store, begins = rated(tmp_path / "run", student), moved_away(student, tmp_path / "moved", moved)
    feed = joined_feed(store, tmp_path / "feed", job(store, student, chosen))
    trainer = trainer_on(store, student, feed, tmp_path, chosen, begins=begins, max_grad_norm=0.0)
    loss, gradient = first_step(trainer)
    value, exact = kto_in_fp64(begins, student, list(feed.train)[:4], chosen)
    assert loss == pytest.approx(value, rel=1e-4)
    assert apart(gradient, exact) < CLOSE
    (record,) = [record for record in trainer.state.log_history if "rewards/margins" in record]
    assert record["kl"] == pytest.approx(0, abs=1e-4) if moved == 0 else record["kl"] > 0.1


@pytest.mark.parametrize("micro", [1, 2, 4])
def test_the_reference_point_is_that_of_the_whole_step_in_any_micro_batches(
    student: str, tmp_path: Path, micro: int
) -> None:
    """Of which one has bad answers alone and others none; lengths differ."""
    chosen = settings(beta=0.3, batch_size=8)
    store = rated(tmp_path / "run", student, bad=(0, 1, 4))
    begins = moved_away(student, tmp_path / "moved")
    feed = feed_of(store, tmp_path / "feed", lambda _, some: some)
    split = {"per_device_train_batch_size": micro, "gradient_accumulation_steps": 8 // micro, "max_grad_norm": 0.0}
    loss, gradient = first_step(trainer_on(store, student, feed, tmp_path, chosen, begins=begins, **split))
    value, exact = kto_in_fp64(begins, student, list(feed.train), chosen)
    assert loss == pytest.approx(value, rel=1e-4)
    assert apart(gradient, exact) < CLOSE


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_held_out_loss_does_not_depend_on_the_batches_either(student: str, tmp_path: Path, size: int) -> None:
    chosen = settings(beta=0.3)
    store, begins = rated(tmp_path / "run", student, count=16), moved_away(student, tmp_path / "moved")
    feed = held_out_feed(store, tmp_path / "feed", 0.4)
    trainer = trainer_on(
        store, student, feed, tmp_path, chosen, begins=begins, per_device_eval_batch_size=size,
    )  # fmt: skip
    assert feed.held_out is not None
    assert len(feed.held_out) > 4 and len(feed.held_out) % 4, "the last batch is smaller"
    value, _ = kto_in_fp64(begins, student, list(feed.held_out), chosen)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(value, rel=1e-4)


def held_out_feed(store: Store, folder: Path, holdout: float) -> TrainingData:
    write_feed(store, [TOKENS], str(folder), holdout=holdout, pack_to=None)
    return open_feed(str(folder), packed=False)


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


def test_a_step_of_one_row_is_refused() -> None:
    with pytest.raises(ValidationError, match="set batch_size: 2 or more"):
        settings(batch_size=1)
