"""Courses of the learning rate, and stopping early: what transformers is told, and what it makes of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from distilray.train import SFTSettings
from distilray.train.loop.arguments import schedule
from distilray.train.loop.callbacks import EarlyStop


def settings(**changes: Any) -> SFTSettings:
    return SFTSettings.model_validate({"student": "x", "max_steps": 100, **changes})


def rates(chosen: SFTSettings, steps: int = 100) -> list[float]:
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    told = schedule(chosen, steps)
    course = get_scheduler(
        told["lr_scheduler_type"], optimizer, num_warmup_steps=10, num_training_steps=steps,
        scheduler_specific_kwargs=told.get("lr_scheduler_kwargs"),
    )  # fmt: skip
    seen = []
    for _ in range(steps):
        optimizer.step()
        course.step()
        seen.append(course.get_last_lr()[0])
    return seen


@pytest.mark.parametrize(
    ("changes", "middle", "end"),
    [
        ({"schedule": "constant"}, 1.0, 1.0),
        ({"schedule": "linear"}, 0.5, 0.0),
        ({"schedule": "cosine"}, 0.5, 0.0),
        ({"schedule": "cosine", "min_lr_ratio": 0.1}, 0.55, 0.1),
        ({"schedule": "wsd", "decay": 0.2}, 1.0, 0.0),
        ({"schedule": "wsd", "decay": 0.2, "min_lr_ratio": 0.25}, 1.0, 0.25),
    ],
)
def test_the_rate_warms_up_and_ends_where_it_should(changes: dict[str, Any], middle: float, end: float) -> None:
    seen = rates(settings(**changes))
    assert seen[4] == pytest.approx(0.5, abs=0.13)
    assert seen[54] == pytest.approx(middle, abs=0.02)
    assert seen[99] == pytest.approx(end, abs=0.01)


def stopped_after(losses: list[float], patience: int) -> int | None:
    """The evaluation after which a training with these held-out losses stops."""
    history: list[dict[str, float]] = []
    control = SimpleNamespace(should_training_stop=False)
    for count, loss in enumerate(losses, 1):
        history += [{"loss": 1.0}, {"eval_loss": loss}]
        EarlyStop(patience).on_evaluate(None, SimpleNamespace(log_history=history), control)
        if control.should_training_stop:
            return count
    return None


def test_it_stops_when_the_held_out_loss_has_not_fallen_for_so_long() -> None:
    assert stopped_after([3, 2, 2.1, 2.2, 1.0], patience=2) == 4
    assert stopped_after([3, 2, 2.1, 1.9, 2.0, 1.8], patience=2) is None
    assert stopped_after([3, 3, 3], patience=1) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patience": 2}, "patience counts evaluations: set evaluate_every and holdout too"),
        ({"schedule": "linear", "min_lr_ratio": 0.1}, "min_lr_ratio needs schedule: cosine or wsd, not linear"),
        ({"sharding": "ddp", "offload": True}, "offload needs sharding: fsdp, zero2 or zero3"),
        ({"lora": {"quantize": "nf4"}}, "lora.quantize needs sharding: ddp"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**changes)
