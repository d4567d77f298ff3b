"""The trainer itself, in this process: its loss against sums written out here, its reference cached and live."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM

from distilray.checkpoints import read_student
from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train import TrainResources
from distilray.train.data.tokens import TokenCounts, TokenManifest, tokenize_unit
from distilray.train.errors import CannotTrain
from distilray.train.loop.loss_guard import LossExploded
from distilray.train.loop.student import load_student
from distilray.train.memory.estimate import memory_plan
from distilray.train.methods.dpo.collate import PairCollator
from distilray.train.methods.dpo.method import DPO
from distilray.train.methods.dpo.reference import load_reference
from distilray.train.methods.dpo.reference_scores import score_by_workers
from distilray.train.methods.dpo.trainer import PreferenceTrainer
from distilray.train.scoring.references import (
    CHOSEN,
    REJECTED,
    join_reference,
    missing,
    reference_path,
    write_reference,
)
from tests.support.checkpoints import make_student
from tests.support.pairs import pair_units, pairs, settings
from tests.support.preferred import TOKENS, feed_of, job, joined_feed, made_up, tokenized_pairs, trainer_on
from tests.support.ranks import alone
from tests.support.specs import spec_of


@pytest.fixture(autouse=True)
def _group_of_one() -> Iterator[None]:
    with alone():
        yield


@pytest.fixture
def store(student: str, tmp_path: Path) -> Store:
    """Eight pairs as tokens."""
    return tokenized_pairs(tmp_path / "run", student)


def log_prob(model: Any, row: dict, completion: str) -> float:
    """Of all tokens of ``row[completion]`` after its prompt, by a plain forward pass."""
    prompt, ids = row["prompt_ids"], row[completion]
    with torch.no_grad():
        log_probs = model(torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
    return sum(log_probs[len(prompt) - 1 + k, token].item() for k, token in enumerate(ids))


def ratios(student: str, rows: list[dict]) -> list[float]:
    """Of every row, how much further its chosen answer is above the reference than its rejected one, in nats."""
    model = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32)
    chosen = [log_prob(model, row, "chosen_ids") - sum(row[CHOSEN]) for row in rows]
    rejected = [log_prob(model, row, "rejected_ids") - sum(row[REJECTED]) for row in rows]
    return [good - bad for good, bad in zip(chosen, rejected, strict=True)]


def loss_of(trainer: PreferenceTrainer, rows: list[dict], *, beta: float = 0.1, row_beta: bool = True) -> float:
    trainer.model.eval()
    batch = PairCollator(trainer.processing_class.pad_token_id, beta, row_beta)(rows)
    with torch.no_grad():
        return trainer.compute_loss(trainer.model, batch).item()


def test_every_pair_is_weighed_with_its_own_beta(student: str, store: Store, tmp_path: Path) -> None:
    feed = feed_of(store, tmp_path / "feed", lambda _, rows: made_up(rows))
    trainer, rows = trainer_on(store, student, feed, tmp_path, settings()), list(feed.train)
    apart = ratios(student, rows)
    assert len({row["beta"] for row in rows}) == 3

    def expected(betas: list[float]) -> float:
        return sum(math.log1p(math.exp(-b * d)) for b, d in zip(betas, apart, strict=True)) / len(rows)

    assert loss_of(trainer, rows) == pytest.approx(expected([row["beta"] for row in rows]), rel=1e-5)
    assert loss_of(trainer, rows, beta=0.3, row_beta=False) == pytest.approx(expected([0.3] * 8), rel=1e-5)
    rows[2]["beta"] = None  # a pair without one takes the training's
    betas = [0.3 if row["beta"] is None else row["beta"] for row in rows]
    assert loss_of(trainer, rows, beta=0.3) == pytest.approx(expected(betas), rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    ["sigmoid_norm", "hinge", "ipo", "robust", "exo_pair", "nca_pair", "bco_pair", "sppo_hard", "apo_zero",
     "apo_down", "discopop"],
)  # fmt: skip
def test_a_batch_of_several_betas_is_the_mean_of_its_pairs_with_one_each(
    student: str, store: Store, tmp_path: Path, loss: str
) -> None:
    smoothing = {"label_smoothing": 0.1} if loss in ("robust", "exo_pair") else {}
    feed = feed_of(store, tmp_path / "feed", lambda _, rows: made_up(rows))
    trainer = trainer_on(store, student, feed, tmp_path, settings(loss=loss, row_beta=True, **smoothing))
    rows = list(feed.train)
    single = [loss_of(trainer, [row], beta=row["beta"], row_beta=False) for row in rows]
    assert loss_of(trainer, rows) == pytest.approx(sum(single) / len(single), rel=1e-4)
    assert len(set(single)) > 1


def test_the_reference_is_the_student_itself_so_training_begins_at_log_two(
    student: str, store: Store, tmp_path: Path
) -> None:
    score_by_workers(job(store, student, settings()))
    feed = feed_of(store, tmp_path / "feed", lambda path, rows: join_reference(store, path, rows))
    trainer = trainer_on(store, student, feed, tmp_path, settings(learning_rate=3e-3))
    trainer.train()
    logged = [record for record in trainer.state.log_history if "loss" in record]
    assert logged[0]["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert logged[0]["kl"] == pytest.approx(0, abs=1e-9)
    assert logged[0]["rewards/margins"] == pytest.approx(0, abs=1e-5)
    assert logged[-1]["loss"] < logged[0]["loss"]
    assert logged[-1]["rewards/margins"] > 0
    assert logged[-1]["kl"] > 0
    lengths = [len(row["chosen_ids"]) for row in list(feed.train)[:4]]
    assert logged[0]["length/chosen"] == pytest.approx(sum(lengths) / 4)


def test_a_cached_reference_and_a_live_one_give_the_same_training(student: str, store: Store, tmp_path: Path) -> None:
    score_by_workers(job(store, student, settings()))
    cached = feed_of(store, tmp_path / "cached", lambda path, rows: join_reference(store, path, rows))
    live = feed_of(store, tmp_path / "live", lambda _, rows: rows)
    losses = []
    for feed, by in ((cached, "workers"), (live, "live")):
        chosen = settings(learning_rate=3e-3, reference_by=by)
        trainer = trainer_on(store, student, feed, tmp_path / by, chosen)
        trainer.train()
        losses.append([record["loss"] for record in trainer.state.log_history if "loss" in record])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert losses[0][0] != losses[0][-1]


@pytest.mark.parametrize("by", ["workers", "live"])
def test_adapters_in_bf16_begin_where_their_reference_stands(
    student: str, store: Store, tmp_path: Path, by: str
) -> None:
    """Both read the weights in bf16; a reference in fp32 would be .01 nats per token away."""
    chosen = settings(lora={"r": 4}, precision="bf16", reference_by=by, learning_rate=3e-3)
    work = job(store, student, chosen)
    DPO().prepare_in_workers(work)
    feed = joined_feed(store, tmp_path / "feed", work)
    trainer = trainer_on(store, student, feed, tmp_path, chosen)
    trainer.train()
    logged = [record for record in trainer.state.log_history if "loss" in record]
    assert logged[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert logged[0]["kl"] < 1e-7
    assert logged[-1]["kl"] > 10 * logged[0]["kl"]


@pytest.mark.parametrize("changes", [{}, {"lora": {"r": 4}}, {"lora": {"r": 4}, "precision": "fp32"}])
def test_a_live_reference_takes_the_memory_that_the_plan_says(
    student: str, teacher: str, store: Store, changes: dict[str, Any]
) -> None:
    """In the precision of the weights that the student starts from: fp32, and with adapters that of computing."""
    chosen = settings(**{"reference": "teacher", "reference_by": "live", "precision": "bf16", **changes})
    work = replace(job(store, student, chosen), models={"teacher": VLLMModel(path=teacher)})
    model = load_reference(work, torch.device("cpu"))
    held = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    config = read_student(teacher).config
    planned = memory_plan(config, chosen, TrainResources(), beside=[config], costs=DPO().costs(chosen))
    assert held == planned.beside
    trained = load_student(student, chosen, True, work.method, {})
    assert model.dtype == trained.dtype


def test_another_model_may_be_the_reference_and_then_margins_do_not_begin_at_nothing(
    student: str, store: Store, tmp_path: Path
) -> None:
    teacher = make_student(tmp_path / "teacher", hidden=32)
    losses = {}
    for by in ("workers", "live"):
        chosen = settings(reference="teacher", reference_by=by, loss="sigmoid_norm", row_beta=False, beta=2.0)
        work = replace(job(store, student, chosen), models={"teacher": VLLMModel(path=teacher)})
        DPO().prepare_in_workers(work)
        with DPO().joins(work, str(tmp_path)) as join:
            feed = feed_of(store, tmp_path / by, join)
        trainer = trainer_on(store, student, feed, tmp_path, chosen, {"teacher": VLLMModel(path=teacher)})
        trainer.train()
        losses[by] = [record["loss"] for record in trainer.state.log_history if "loss" in record]
    ours, theirs = (AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32) for path in (student, teacher))
    expected = 0.0
    for row in list(feed.train)[:4]:
        chosen, rejected = (
            (log_prob(ours, row, name) - log_prob(theirs, row, name)) / len(row[name])
            for name in ("chosen_ids", "rejected_ids")
        )
        expected += math.log1p(math.exp(-2.0 * (chosen - rejected))) / 4
    assert losses["workers"][0] == pytest.approx(expected, rel=1e-4)
    assert losses["workers"] == pytest.approx(losses["live"], abs=1e-5)


def test_a_reference_that_reads_other_tokens_is_refused_before_training(student: str, store: Store) -> None:
    other = {"teacher": VLLMModel(path="package://distilray.practice/checkpoints/student_warm")}
    tokens = TokenManifest(folder="training/dpo/tokens", renderer_hash="", fingerprint="", counts=TokenCounts())
    with pytest.raises(CannotTrain, match=r"reference 'teacher' .* has another tokenizer than the student 'tiny'"):
        DPO().prepare_in_driver(spec_of(store, settings(reference="teacher"), student, models=other), tokens)


def test_a_reference_is_made_once_and_again_only_for_other_tokens(student: str, store: Store) -> None:
    assert missing(store, [TOKENS]) == [TOKENS]
    score_by_workers(job(store, student, settings()))
    assert missing(store, [TOKENS]) == []
    written = Path(store.full(reference_path(TOKENS))).stat().st_mtime_ns
    score_by_workers(job(store, "no such student", settings()))
    assert Path(store.full(reference_path(TOKENS))).stat().st_mtime_ns == written
    (unit,) = pair_units(store, pairs(8, seed=1))
    tokenize_unit(spec_of(store, settings(), student), unit, TOKENS, "another key")
    assert missing(store, [TOKENS]) == [TOKENS]


def test_a_reference_that_is_no_number_is_refused_with_the_rows(store: Store) -> None:
    with pytest.raises(CannotTrain, match=r"log-probabilities of 1 rows are not finite: tiny:1"):
        write_reference(store, TOKENS, {"tiny:0": ([-1.0], [-2.0]), "tiny:1": ([-1.0], [math.nan])})


def test_a_row_that_the_reference_was_not_asked_about_is_named(store: Store, tmp_path: Path) -> None:
    write_reference(store, TOKENS, {f"tiny:{k}": ([-1.0], [-2.0]) for k in range(7)})
    with pytest.raises(CannotTrain, match="row 'tiny:7' has no reference"):
        feed_of(store, tmp_path / "feed", lambda path, rows: join_reference(store, path, rows))


def test_a_pair_whose_loss_is_no_number_stops_the_training_by_name(student: str, store: Store, tmp_path: Path) -> None:
    def poisoned(_: str, rows: pa.Table) -> pa.Table:
        rows = made_up(rows)
        numbers = rows[CHOSEN].to_pylist()
        numbers[5][0] = math.nan
        place = rows.column_names.index(CHOSEN)
        return rows.set_column(place, CHOSEN, pa.array(numbers, pa.list_(pa.float32())))

    feed = feed_of(store, tmp_path / "feed", poisoned)
    trainer = trainer_on(store, student, feed, tmp_path, settings())
    with pytest.raises(LossExploded, match=r"step 2: the loss is not a number; worst rows: tiny:5 \(nan\)\."):
        trainer.train()
    assert torch.isfinite(trainer.model.state_dict()["model.norm.weight"]).all()
