"""What a training warns of before its workers start."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from distilray.storage import Store
from distilray.train import read_warnings
from distilray.train.launch.launcher import warn
from tests.support.pairs import settings
from tests.support.specs import spec_of


def test_a_warning_is_logged_and_kept_once_however_often_the_training_is_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = spec_of(Store(tmp_path), settings(epochs=5, max_steps=None), "s", "training/dpo")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            warn(spec, spec.method.warnings(spec.settings, 160))
    (text,) = read_warnings(spec.store, spec.out)
    assert text.startswith("5.0 passes over 160 rows memorise them; take 1 to 3 (epochs)")
    assert [record.getMessage() for record in caplog.records] == [f"train 'dpo': {text}"]
