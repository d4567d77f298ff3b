from __future__ import annotations

import numpy as np

from distilray.train.data.order import batch_order, total_steps

LENGTHS = np.random.default_rng(5).integers(10, 500, 1000)


def padding(order: np.ndarray, batch: int) -> float:
    """Share of a padded batch that is padding."""
    rows = LENGTHS[order].reshape(-1, batch)
    return 1 - rows.sum() / (rows.max(1) * batch).sum()


def test_an_epoch_shows_every_row_once() -> None:
    order = batch_order(LENGTHS, 125, 8, seed=0, by_length=True)
    assert sorted(order) == list(range(1000))


def test_a_batch_at_the_end_of_an_epoch_is_filled_from_the_next() -> None:
    order = batch_order(LENGTHS, total_steps(1000, 48, epochs=3, max_steps=None), 48, seed=0, by_length=True)
    times = np.bincount(order, minlength=1000)
    assert len(order) == 63 * 48
    assert times.min() == 3 or (times.min() == 2 and times.max() <= 4)
    assert times[:].sum() == 63 * 48


def test_the_order_depends_on_the_seed_alone() -> None:
    first = batch_order(LENGTHS, 40, 16, seed=1, by_length=True)
    assert np.array_equal(first, batch_order(LENGTHS, 40, 16, seed=1, by_length=True))
    assert not np.array_equal(first, batch_order(LENGTHS, 40, 16, seed=2, by_length=True))


def test_a_longer_training_begins_like_a_shorter_one() -> None:
    short = batch_order(LENGTHS, 40, 16, seed=1, by_length=True)
    assert np.array_equal(short, batch_order(LENGTHS, 400, 16, seed=1, by_length=True)[: 40 * 16])


def test_grouping_by_length_saves_most_of_the_padding() -> None:
    grouped = batch_order(LENGTHS, 125, 8, seed=0, by_length=True)
    mixed = batch_order(LENGTHS, 125, 8, seed=0, by_length=False)
    assert padding(grouped, 8) < 0.05 < 0.3 < padding(mixed, 8)


def test_grouping_by_length_does_not_sort_the_batches() -> None:
    means = LENGTHS[batch_order(LENGTHS, 125, 8, seed=0, by_length=True)].reshape(-1, 8).mean(1)
    assert abs(np.corrcoef(np.arange(50), means[:50])[0, 1]) < 0.5


def test_fewer_rows_than_a_batch_still_fill_it() -> None:
    order = batch_order(np.array([3, 4, 5]), 4, 8, seed=0, by_length=True)
    assert len(order) == 32
    assert np.bincount(order).min() >= 10
