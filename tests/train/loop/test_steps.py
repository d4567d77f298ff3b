"""The work of a step, for MFU: attention by the true lengths of rows, however they are packed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distilray.storage import Store
from distilray.train import SFTSettings
from distilray.train.data.tokens import tokenize_unit
from distilray.train.data.training_data import TrainingData, open_feed, write_feed
from distilray.train.loop.steps import Work, squared_lengths, steps_of
from distilray.train.memory.flops import flops_per_token
from distilray.train.spec import Job, StepRange
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units

CONFIG = {
    "model_type": "qwen2", "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128,
    "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 320,
}  # fmt: skip


@pytest.fixture
def feeds(student: str, tmp_path: Path) -> tuple[TrainingData, TrainingData]:
    """Forty rows, each a sequence of its own, and packed."""
    store, paths = Store(tmp_path / "run"), []
    for number, unit in enumerate(write_units(store, rows(40))):
        paths.append(f"tokens/unit-{number:06d}.parquet")
        tokenize_unit(spec_of(store, SFTSettings(student="tiny", epochs=1), student), unit, paths[-1], "key")
    write_feed(store, paths, str(tmp_path / "feed"), holdout=0, pack_to=512)
    return tuple(open_feed(str(tmp_path / "feed"), packed=packed) for packed in (False, True))


def job(tmp_path: Path, **changes: object) -> Job:
    settings = SFTSettings.model_validate({"student": "tiny", "max_steps": 3, "batch_size": 4} | changes)
    return Job.of(spec_of(Store(tmp_path / "run"), settings, "student"), [], board=None)


def test_packing_changes_nothing_about_the_work(feeds: tuple[TrainingData, TrainingData]) -> None:
    single, packed = feeds
    squares = [squared_lengths(feed, 1) for feed in feeds]
    assert len(packed.lengths) < len(single.lengths)
    assert squares[0].sum() == squares[1].sum() == (single.lengths**2).sum()
    assert squares[1].sum() < 0.5 * (packed.lengths**2).sum()
    assert squared_lengths(single, 2).sum() == pytest.approx(squares[0].sum() / 2, rel=1e-3), "two sequences in each"


def test_the_work_of_a_step_is_that_of_its_rows(feeds: tuple[TrainingData, TrainingData], tmp_path: Path) -> None:
    feed = feeds[0]
    steps = steps_of(job(tmp_path), feed)
    work = Work.of(CONFIG, None, steps, head=True)
    second = feed.lengths[steps.order[4:8]]
    expected = sum(int(n) * flops_per_token(CONFIG, None, float(n)) for n in second)
    assert work.between(1, 2) == pytest.approx(expected)
    assert steps.tokens_at.tolist() == [0, *np.cumsum(feed.lengths[steps.order].reshape(3, 4).sum(1))]


def test_a_later_range_counts_its_own_steps(feeds: tuple[TrainingData, TrainingData], tmp_path: Path) -> None:
    later = replace(job(tmp_path), step_range=StepRange(2, 3, "final"))
    steps = steps_of(later, feeds[0])
    assert (steps.total, steps.stop, len(steps.order), len(steps.tokens_at)) == (3, 3, 12, 4)
    assert steps.squares_at.tolist() == [0, 0, 0, (feeds[0].lengths[steps.order[8:]] ** 2).sum()]
