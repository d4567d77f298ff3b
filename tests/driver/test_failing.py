"""A judge that never keeps to its form stops the run while most of its rows are still to come."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.driver import run
from distilray.ledger import Manifest
from distilray.runner import RunStopped
from distilray.storage import Store
from tests.support.echo_recipe import write

pytestmark = pytest.mark.slow
ROWS = 3000


def test_a_judge_that_never_parses_stops_the_run_with_samples(ray_cluster: None, tmp_path: Path) -> None:
    recipe = write(tmp_path, rows=ROWS, latency=0.5, in_flight=32)
    steps = "steps=[{answer: {model: teacher}}, {verify_quality: {model: teacher}}]"
    said = (
        r"step verify_quality failed on .* of its first .* rows, such as: BadReply: verify_quality: expected one JSON"
    )
    with pytest.raises(RunStopped, match=said):
        run(recipe, [steps], directory=str(tmp_path / "run"))
    manifest = Manifest.read(Store(str(tmp_path / "run")), "steps/01-answer+verify_quality")
    assert manifest is not None and manifest.finished is None
    assert sum(step.rows_in for step in manifest.steps if step.name == "answer") < ROWS / 2
