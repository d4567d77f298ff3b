"""NEFTune: noise while training, none while evaluating."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.taught import scored_run, trained
from tests.support.trainer import logged

QUIET = {"learning_rate": 0.0}
"""Then the student stays what it is, and only noise changes a loss."""


def test_noise_is_added_to_what_is_trained_and_to_nothing_else(student: str, teacher: str, tmp_path: Path) -> None:
    run = scored_run(tmp_path / "run", student, teacher)
    plain = trained(run, student, tmp_path / "plain", more=QUIET)
    noisy = trained(run, student, tmp_path / "noisy", more=QUIET, neftune_alpha=15.0)
    assert logged(noisy, "lm_loss")[0] != pytest.approx(logged(plain, "lm_loss")[0], abs=1e-4)
    assert logged(noisy, "eval_loss") == pytest.approx(logged(plain, "eval_loss"), abs=1e-6)
