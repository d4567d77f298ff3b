"""Scores at rest, in the feed and in the loss: every token meets what the teacher thought of it, and of no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distilray.storage import Store
from distilray.train import CannotTrain
from distilray.train.data.tokens import tokenize_unit
from distilray.train.data.training_data import TrainingData, open_feed
from distilray.train.methods.distill import head
from distilray.train.methods.distill.divergence import top_k_of
from distilray.train.methods.distill.head import DistillTarget, Live, add_distillation_head, head_of
from distilray.train.methods.distill.stored import ScoredCollator, ScoreFiles, stored_teachers
from distilray.train.scoring.scores import (
    ScoreCounts,
    read_scores,
    scores_path,
    token_rows,
    trained_positions,
    write_scores,
)
from tests.support import losses_written_out as written
from tests.support.gradients import CLOSE, apart, exact_model, gradient_of
from tests.support.specs import spec_of
from tests.support.taught import FORWARD, K, feed_in, logits_of, score, settings
from tests.support.tiny import rows, write_units
from tests.support.trainer import model_at


@pytest.fixture
def run(student: str, teacher: str, tmp_path: Path) -> tuple[Store, list[str]]:
    """A store with the token files of 60 rows and their scores."""
    store, paths = Store(tmp_path / "run"), []
    model = model_at(teacher)
    for number, unit in enumerate(write_units(store, rows(60), size=25)):
        paths.append(f"training/distill/tokens/unit-{number:06d}.parquet")
        tokenize_unit(spec_of(store, settings(), student), unit, paths[-1], "key")
        score(store, paths[-1], model)
    return store, paths


def feed_of(store: Store, paths: list[str], folder: Path, *, packed: bool = False, **changes: Any) -> TrainingData:
    feed_in(store, paths, folder, packed=packed, **changes)
    return open_feed(str(folder), packed=packed)


def divergences(student: str, feed: TrainingData, batches: list[list[int]], *, packed: bool, weights=(1.0,)) -> dict:
    """Row id to the divergence of each of its trained tokens, through collator, head and loss."""
    model = model_at(student)
    add_distillation_head(model)
    collate = ScoredCollator(pad_token_id=0, padding_free=packed, scores=ScoreFiles(feed.folder, weights, K))
    found: dict[str, list[float]] = {}
    for batch in batches:
        examples = [feed.train[row] for row in batch]
        names = {"input_ids", "labels", "scores", *(["seq_lengths"] if packed else [])}
        inputs = collate([{name: example[name] for name in names} for example in examples])
        target = DistillTarget(FORWARD, stored_teachers(inputs, weights))
        with torch.no_grad():
            values = iter(model(**inputs, target=target)["divergences"].tolist())
        for example, index in zip(examples, batch, strict=True):
            ids = feed.ids(index)
            lengths = example["seq_lengths"] if packed else [len(example["input_ids"])]
            start = 0
            for row_id, length in zip(ids, lengths, strict=True):
                labels = example["labels"][start : start + length]
                found[row_id] = [next(values) for _ in trained_positions(labels)]
                start += length
        assert next(values, None) is None
    return found


def shuffled(count: int, size: int) -> list[list[int]]:
    order = np.random.default_rng(3).permutation(count).tolist()
    return [order[start : start + size] for start in range(0, count, size)]


@pytest.mark.parametrize("packed", [False, True])
def test_stored_scores_give_the_dense_divergence_of_the_same_k(
    run: tuple[Store, list[str]], student: str, teacher: str, tmp_path: Path, packed: bool
) -> None:
    store, paths = run
    feed = feed_of(store, paths, tmp_path / "feed", packed=packed)
    found = divergences(student, feed, shuffled(len(feed.lengths), 4), packed=packed)
    learner, expert = model_at(student), model_at(teacher)
    token = [row for path in paths for row in token_rows(store, path)]
    assert found.keys() == {row["id"] for row in token}
    for row in token:
        dense = FORWARD.of(*top_k_of(logits_of(expert, row), K).of(logits_of(learner, row)))
        assert np.mean(found[row["id"]]) == pytest.approx(dense.mean().item(), abs=1e-4)
        assert found[row["id"]] == pytest.approx(dense.tolist(), abs=1e-3)


@pytest.mark.parametrize("packed", [False, True])
def test_corrupting_one_stored_row_changes_exactly_its_loss(
    run: tuple[Store, list[str]], student: str, tmp_path: Path, packed: bool
) -> None:
    store, paths = run
    before = feed_of(store, paths, tmp_path / "before", packed=packed)
    batches = shuffled(len(before.lengths), 4)
    clean = divergences(student, before, batches, packed=packed)
    victim = "tiny:31"
    corrupt(store, paths[1], victim)
    after = feed_of(store, paths, tmp_path / "after", packed=packed)
    spoilt = divergences(student, after, batches, packed=packed)
    changed = {row_id for row_id in clean if clean[row_id] != spoilt[row_id]}
    assert changed == {victim}


def corrupt(store: Store, path: str, victim: str) -> None:
    """Other tokens in place of the likeliest of one row."""
    scored = [
        {
            "id": row_id,
            "outcome": "kept",
            "reason": None,
            "positions": row.positions,
            "ids": ((row.ids + 7) % 256 if row_id == victim else row.ids).reshape(-1),
            "log_probs": row.log_probs.reshape(-1),
            "rest": row.rest,
        }
        for row_id, row in read_scores(store, scores_path(path, "teacher")).items()
    ]
    write_scores(store, scores_path(path, "teacher"), scored, "key", ScoreCounts(kept=len(scored)))


def test_a_row_that_is_not_scored_is_named(run: tuple[Store, list[str]], teacher: str, tmp_path: Path) -> None:
    store, paths = run
    score(store, paths[1], model_at(teacher), leave_out="tiny:40")
    with pytest.raises(CannotTrain, match=r"row 'tiny:40' is not scored by 'teacher'"):
        feed_of(store, paths, tmp_path / "feed")


def test_scores_of_other_tokens_than_the_rows_are_refused(
    run: tuple[Store, list[str]], student: str, tmp_path: Path
) -> None:
    store, paths = run
    longer = settings(system="You add numbers.")  # the answer now stands at other positions
    for number, unit in enumerate(write_units(store, rows(60), size=25)):
        tokenize_unit(spec_of(store, longer, student), unit, paths[number], "another key")
    with pytest.raises(CannotTrain, match="is not scored by 'teacher' token by token"):
        feed_of(store, paths, tmp_path / "feed")


def test_two_teachers_count_by_their_weights(
    run: tuple[Store, list[str]], student: str, teacher: str, tmp_path: Path
) -> None:
    store, paths = run
    for path in paths:
        score(store, path, model_at(student), name="itself")  # from whom there is nothing to learn
    teachers = [{"model": "teacher", "weight": 3}, {"model": "itself", "weight": 1}]
    one = feed_of(store, paths, tmp_path / "one")
    both = feed_of(store, paths, tmp_path / "both", teachers=teachers)
    batches = shuffled(60, 8)
    alone = divergences(student, one, batches, packed=False)
    mixed = divergences(student, both, batches, packed=False, weights=(0.75, 0.25))
    for row_id, values in alone.items():
        assert mixed[row_id] == pytest.approx([0.75 * value for value in values], abs=2e-4)


@pytest.mark.parametrize("top_k", [K, None])
def test_a_live_teacher_says_what_a_stored_one_does(
    run: tuple[Store, list[str]], student: str, teacher: str, tmp_path: Path, top_k: int | None
) -> None:
    from distilray.train.methods.distill.live import LiveTeachers

    store, paths = run
    feed = feed_of(store, paths, tmp_path / "feed")
    model = model_at(student)
    add_distillation_head(model)
    collate = ScoredCollator(pad_token_id=0, scores=ScoreFiles(feed.folder, [1.0], K))
    names = ("input_ids", "labels", "scores")
    inputs = collate([{name: feed.train[row][name] for name in names} for row in range(8)])
    stored = DistillTarget(FORWARD, stored_teachers(inputs, [1.0]))
    taught = LiveTeachers([(teacher, 1.0)], top_k, workers=1, device=torch.device("cpu"))
    live = DistillTarget(FORWARD, taught(inputs))
    with torch.no_grad():
        expected, found = model(**inputs, target=stored)["divergences"], model(**inputs, target=live)["divergences"]
    if top_k:
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
        assert found.mean().item() == pytest.approx(expected.mean().item(), abs=1e-4)
    else:
        assert (found >= expected - 1e-3).all()  # the whole vocabulary tells more
        assert found.mean() > expected.mean() + 1e-3


def test_tiles_that_are_computed_again_give_the_dense_gradient(student: str, teacher: str, monkeypatch) -> None:
    ids = torch.arange(4, 64).reshape(2, 30)
    expert = model_at(teacher)
    with torch.no_grad():
        hidden = expert.base_model(ids).last_hidden_state[:, :-1].reshape(58, -1)
    target = DistillTarget(FORWARD, [Live(1.0, hidden, *head_of(expert), None)])
    exact = dense_gradient(student, teacher, ids)
    for tile, small in ((1024, 1 << 24), (7, 0)):
        monkeypatch.setattr(head, "TILE", tile)
        monkeypatch.setattr(head, "SMALL", small)
        model = model_at(student)
        add_distillation_head(model)
        model(input_ids=ids, labels=ids, target=target)["divergences"].sum().backward()
        assert apart(gradient_of(model), exact) < CLOSE


def dense_gradient(student: str, teacher: str, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of the sum of forward KL divergences at all positions but the last, in fp64."""
    model, expert = exact_model(student), exact_model(teacher)
    theirs = expert(ids).logits.detach()
    pairs = zip(theirs[:, :-1].flatten(0, 1), model(ids).logits[:, :-1].flatten(0, 1), strict=True)
    torch.stack([written.forward_kl(*map(written.probabilities, pair)) for pair in pairs]).sum().backward()
    return gradient_of(model)


def test_a_batch_without_trained_tokens_has_a_gradient_of_zero(student: str, teacher: str) -> None:
    model, expert = model_at(student), model_at(teacher)
    add_distillation_head(model)
    ids = torch.arange(4, 24)[None]
    live = Live(1.0, torch.zeros(0, 128), *head_of(expert), None)
    out = model(input_ids=ids, labels=torch.full_like(ids, -100), target=DistillTarget(FORWARD, [live]))
    (out["divergences"].sum() - out["log_probs"].sum()).backward()
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in model.parameters())
