"""What a pilot says of the whole: what grows with the rows, and what does not."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from distilray.driver.pilots import forecast
from distilray.ledger import Manifest, StepCounts
from distilray.recipe import load_recipe
from distilray.report.plan_views import forecast_view
from distilray.storage import Store

RECIPE = """
name: two
models:
  big: {path: some/big-model, tensor_parallel: 4, gpus: 4, replicas: 2}
  small: {path: some/small-model, gpus: 1}
sources: [{name: rows, path: rows.jsonl}]
steps: [{answer: {model: big}}, {judge: {model: small}}]
"""


def stage(store: Store, folder: str, **values) -> None:
    manifest = Manifest(name=folder[6:], fingerprint="f", started="now", finished="now", **values)
    manifest.write(store, folder)
    store.write(f"{folder}/keep", b"")


def usage(tokens: float) -> dict[str, float]:
    return {"tokens_in": 2 * tokens, "tokens_out": tokens, "cost": 0.0}


def test_gpu_hours_are_those_of_the_engines_that_each_phase_holds(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    store = Store(str(tmp_path / "run"))
    counts = [StepCounts("sources", rows_in=100, kept=100)]
    stage(store, "steps/00-sources", kind="sources", steps=counts)
    # 60 s to start eight GPUs and 36 s at work, then 30 s to start one and 72 s at work
    stage(
        store, "steps/01-answer", kind="phase", seconds=96.0, details={"working_seconds": 36.0},
        models={"big": usage(5000)},
    )  # fmt: skip
    stage(
        store, "steps/02-judge", kind="phase", seconds=102.0, details={"working_seconds": 72.0},
        models={"small": usage(200)},
    )  # fmt: skip
    found = forecast(store, 10_000, load_recipe(str(tmp_path / "recipe.yaml")))
    assert (found.rows, found.sample) == (10_000, 100)
    assert found.seconds == 60 + 30 + 100 * (36 + 72)
    assert found.gpu_hours == (8 * 60 + 1 * 30 + 100 * (8 * 36 + 1 * 72)) / 3600
    assert {model.model: model.tokens_out for model in found.models} == {"big": 500_000, "small": 20_000}

    console = Console(width=120)
    with console.capture() as shown:
        console.print(forecast_view(found, gpu_hour=2.5))
    assert "10.1 GPU hours, 25.35 at 2.5 an hour" in shown.get()


def test_engines_that_filled_the_gpus_are_counted_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("replicas: 2", "replicas: auto"))
    store = Store(str(tmp_path / "run"))
    stage(store, "steps/00-sources", kind="sources", steps=[StepCounts("sources", rows_in=100, kept=100)])
    stage(
        store, "steps/01-answer", kind="phase", seconds=36.0, details={"working_seconds": 36.0},
        models={"big": usage(5000)}, engines={"big/0": 30, "big/1": 40, "big/2": 30, "bigger/0": 1},
    )  # fmt: skip
    found = forecast(store, 100, load_recipe(str(tmp_path / "recipe.yaml")))
    assert found.gpu_hours == 3 * 4 * 36 / 3600
