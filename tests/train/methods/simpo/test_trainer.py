"""SimPO's first step against its formula in fp64; its rewards; and that nothing asks for a reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from distilray.train import SimPOSettings, method_named
from tests.support import losses_written_out as written
from tests.support.gradients import CLOSE, apart
from tests.support.preferred import first_step, job, joined_feed, pairs_in_fp64, tokenized_pairs, trainer_on
from tests.support.ranks import alone


@pytest.fixture(autouse=True)
def _group_of_one() -> Iterator[None]:
    with alone():
        yield


def test_the_first_gradient_is_that_of_the_written_out_loss(student: str, tmp_path: Path) -> None:
    chosen = SimPOSettings(student="tiny", max_steps=4, beta=2.5, margin=1.4, precision="fp32")
    store = tokenized_pairs(tmp_path / "run", student)
    feed = joined_feed(store, tmp_path / "feed", job(store, student, chosen))
    trainer = trainer_on(store, student, feed, tmp_path, chosen, max_grad_norm=0.0)
    found, gradient = first_step(trainer)
    loss, exact = pairs_in_fp64(student, list(feed.train)[:4], lambda _, pair: written.simpo(*pair, 2.5, 1.4))
    assert found == pytest.approx(loss, rel=1e-4)
    assert apart(gradient, exact) < CLOSE
    (record,) = [record for record in trainer.state.log_history if "simpo/margins" in record]
    assert record["simpo/margins"] == pytest.approx(record["simpo/chosen"] - record["simpo/rejected"], abs=1e-5)
    assert 0 <= record["simpo/accuracies"] <= 1


def test_it_learns_to_prefer(student: str, tmp_path: Path) -> None:
    chosen = SimPOSettings(student="tiny", max_steps=4, learning_rate=3e-3, precision="fp32")
    store = tokenized_pairs(tmp_path / "run", student)
    feed = joined_feed(store, tmp_path / "feed", job(store, student, chosen))
    trainer = trainer_on(store, student, feed, tmp_path, chosen)
    trainer.train()
    margins = [record["simpo/margins"] for record in trainer.state.log_history if "simpo/margins" in record]
    assert margins[-1] > margins[0]


def test_it_has_no_reference_in_memory() -> None:
    method, settings = method_named("simpo"), SimPOSettings(student="tiny", epochs=1)
    assert method.models(settings) == set()
    assert not method.costs(settings).reference and method.costs(settings).beside == ()
