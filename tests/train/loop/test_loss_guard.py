from __future__ import annotations

import math

import pytest
import torch

from distilray.train.loop.loss_guard import LossExploded, LossGuard


def watch(*losses: float) -> LossGuard:
    watched = LossGuard(lambda index: [f"row-{index}"])
    watched.note(list(range(len(losses))), torch.tensor(losses))
    return watched


def test_a_step_of_finite_losses_may_be_taken() -> None:
    watch(0.5, 2.0).check(7, grad_norm=1.0, first=1.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_row_whose_loss_is_no_number_is_named_and_no_other(bad: float) -> None:
    with pytest.raises(LossExploded, match=r"step 7: the loss is not a number; worst rows: row-1 \([-a-z]+\)\."):
        watch(0.5, bad, 2.0).check(7, grad_norm=1.0, first=1.0)


def test_an_exploding_loss_is_told_from_a_high_one_by_where_it_began() -> None:
    watch(30.0, 30.0).check(7, grad_norm=1.0, first=2.0)
    with pytest.raises(LossExploded, match=r"exploded from 0.7 to 30; worst rows: row-1 \(35\), row-0 \(25\)"):
        watch(25.0, 35.0).check(7, grad_norm=1.0, first=0.7)


def test_a_gradient_that_is_no_number_stops_a_training_whose_loss_is_one() -> None:
    with pytest.raises(LossExploded, match="the gradient's norm is inf though the loss is 1"):
        watch(1.0).check(7, grad_norm=math.inf, first=1.0)


def test_rows_noted_for_one_step_are_not_blamed_in_the_next() -> None:
    watched = watch(1.0, 2.0)
    watched.check(7, grad_norm=1.0, first=1.0)
    watched.note([5], torch.tensor([math.nan]))
    with pytest.raises(LossExploded, match=r"worst rows: row-5 \(nan\)\."):
        watched.check(8, grad_norm=1.0, first=1.0)
