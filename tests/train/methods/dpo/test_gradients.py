"""The gradient of the first step on pairs, against the losses as papers write them, in fp64 over whole logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp

from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train import TrainSettings, method_named
from distilray.train.distributed import cpu, sharding
from distilray.train.scoring.references import CHOSEN, REJECTED
from tests.support import losses_written_out as written
from tests.support.gradients import CLOSE, apart, exact_model
from tests.support.pairs import settings
from tests.support.ports import free_port
from tests.support.preferred import (
    Answers,
    answers,
    feed_of,
    first_step,
    job,
    made_up,
    pairs_in_fp64,
    tokenized_pairs,
    trainer_on,
)
from tests.support.ranks import alone, one_of

MIXES = {"sigmoid": settings(), "with sft": settings(loss={"sigmoid": 1.0, "sft": 0.5}), "sft": settings(loss="sft")}


@pytest.fixture
def group() -> Iterator[None]:
    with alone():
        yield


@pytest.fixture
def store(student: str, tmp_path: Path) -> Store:
    return tokenized_pairs(tmp_path / "run", student)


def by_settings(chosen: Any, reference: Any = None) -> Callable[[dict[str, Any], Answers], torch.Tensor]:
    """A pair's loss as ``chosen`` has it, against what the row holds, or against the model ``reference``."""
    tail = 1.0 if chosen.ld_alpha is None else chosen.ld_alpha

    def loss_of(row: dict[str, Any], pair: Answers) -> torch.Tensor:
        if reference is None:
            theirs = tuple(torch.tensor(row[name]).double() for name in (CHOSEN, REJECTED))
        else:
            with torch.no_grad():
                theirs = answers(reference, row)
        beta = row["beta"] if chosen.row_beta else chosen.beta
        kinds = {kind: weight for kind, weight in chosen.loss.items() if kind != "sft"}
        return sum(
            (weight * written.dpo(kind, *pair, *theirs, beta, tail) for kind, weight in kinds.items()),
            torch.zeros(()).double(),
        )

    return loss_of


CASES: dict[str, dict[str, Any]] = {
    "a beta a row": {},
    "one beta": {"beta": 0.3, "row_beta": False},
    "sigmoid_norm": {"loss": "sigmoid_norm", "row_beta": False},
    "sigmoid_norm a row": {"loss": "sigmoid_norm", "row_beta": True},
    "ipo": {"loss": "ipo"},
    "sft": {"loss": {"sigmoid": 1.0, "sft": 0.2}},
    "norm and sft": {"loss": {"sigmoid_norm": 1.0, "sft": 1.0}, "row_beta": False},
    "several": {"loss": {"sigmoid": 0.7, "ipo": 0.1, "sft": 0.3}},
    "tail of a half": {"ld_alpha": 0.5},
    "tail of nothing": {"ld_alpha": 0.0, "loss": "sigmoid_norm", "row_beta": False},
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_gradient_is_that_of_the_written_out_loss(
    group: None, student: str, store: Store, tmp_path: Path, case: str
) -> None:
    chosen = settings(**CASES[case])
    feed = feed_of(store, tmp_path / "feed", lambda _, rows: made_up(rows))
    found, gradient = first_step(trainer_on(store, student, feed, tmp_path, chosen, max_grad_norm=0.0))
    loss, exact = pairs_in_fp64(student, list(feed.train)[:4], by_settings(chosen), chosen.loss.get("sft", 0))
    assert found == pytest.approx(loss, rel=1e-4)
    assert apart(gradient, exact) < CLOSE


@pytest.mark.parametrize("by", ["workers", "live"])
@pytest.mark.parametrize("loss", ["sigmoid", "sigmoid_norm"])
def test_dpkd_compares_with_the_teacher(
    group: None, student: str, teacher: str, store: Store, tmp_path: Path, by: str, loss: str
) -> None:
    chosen = settings(reference="teacher", reference_by=by, loss=loss, row_beta=False)
    trainer, rows = with_reference(store, student, teacher, tmp_path, chosen)
    found, gradient = first_step(trainer)
    value, exact = pairs_in_fp64(student, rows[:4], by_settings(chosen, exact_model(teacher)))
    assert found == pytest.approx(value, rel=1e-4)
    assert apart(gradient, exact) < CLOSE


def with_reference(
    store: Store, student: str, teacher: str, folder: Path, chosen: TrainSettings
) -> tuple[Any, list[dict[str, Any]]]:
    """A trainer whose reference is ``teacher``, and its rows."""
    models, method = {"teacher": VLLMModel(path=teacher)}, method_named("dpo")
    work = job(store, student, chosen)
    work.models.update(models)
    method.prepare_in_workers(work)
    with method.joins(work, str(folder)) as join:
        feed = feed_of(store, folder / "feed", join)
    return trainer_on(store, student, feed, folder, chosen, models, max_grad_norm=0.0), list(feed.train)


@pytest.mark.parametrize("mix", MIXES)
def test_a_step_in_micro_batches_of_uneven_length_is_the_mean_over_all_its_rows(
    group: None, student: str, store: Store, tmp_path: Path, mix: str
) -> None:
    feed, chosen = feed_of(store, tmp_path / "feed", lambda _, rows: made_up(rows)), MIXES[mix]
    split = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 8, "max_grad_norm": 0.0}
    found, gradient = first_step(trainer_on(store, student, feed, tmp_path, chosen, **split))
    rows = list(feed.train)
    assert len({len(row["chosen_ids"]) for row in rows}) > 4
    loss, exact = pairs_in_fp64(student, rows, by_settings(chosen), chosen.loss.get("sft", 0))
    assert found == pytest.approx(loss, rel=1e-4)
    assert apart(gradient, exact) < CLOSE


def test_a_held_out_loss_does_not_depend_on_how_its_rows_are_batched(
    group: None, student: str, store: Store, tmp_path: Path
) -> None:
    feed, chosen = feed_of(store, tmp_path / "feed", lambda _, rows: made_up(rows)), MIXES["with sft"]
    loss, _ = pairs_in_fp64(student, list(feed.train), by_settings(chosen), chosen.loss["sft"])
    for rows in (1, 3, 8):
        trainer = trainer_on(store, student, feed, tmp_path, chosen, per_device_eval_batch_size=rows)
        trainer.eval_dataset = feed.train
        assert trainer.evaluate()["eval_loss"] == pytest.approx(loss, rel=1e-4), rows
        assert trainer.state.log_history[-1]["eval_loss"] == pytest.approx(loss, rel=1e-4), rows


def one_of_two(worker: int, run: str, student: str, port: int, out: str) -> None:
    with one_of(2, worker, port):
        store, folder, chosen = Store(run), Path(out) / str(worker), MIXES["with sft"]
        feed = feed_of(store, folder / "feed", lambda _, rows: made_up(rows))
        cpu.before_trainer("fsdp", 2)
        more = {**sharding.arguments(chosen, 2, ["Qwen2DecoderLayer"]), **cpu.arguments("fsdp"), "max_grad_norm": 0.0}
        split = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
        found = first_step(trainer_on(store, student, feed, folder, chosen, **more, **split))
        torch.save((found, list(feed.train)), folder / "found.pt")


@pytest.mark.slow
def test_two_workers_have_the_gradient_of_all_their_pairs_together(student: str, store: Store, tmp_path: Path) -> None:
    mp.spawn(one_of_two, (store.full(""), student, free_port(), str(tmp_path)), nprocs=2)
    chosen = MIXES["with sft"]
    for worker in range(2):
        (found, gradient), rows = torch.load(tmp_path / str(worker) / "found.pt")
        loss, exact = pairs_in_fp64(student, rows, by_settings(chosen), chosen.loss["sft"])
        assert found == pytest.approx(loss, rel=1e-4)
        assert apart(gradient, exact) < CLOSE
