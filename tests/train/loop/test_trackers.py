from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distilray.train import CannotTrain, SFTSettings
from distilray.train.launch.checks import check_extras
from distilray.train.loop.trackers import TRACKERS, Tracked


def settings(**changes: Any) -> SFTSettings:
    return SFTSettings.model_validate({"student": "x", "epochs": 1, **changes})


RECORDS = [
    {"step": 1, "loss": 2.5, "mfu": None, "grad_norm": float("nan")},
    {"step": 2, "loss": 2.25, "learning_rate": 1e-4},
]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"report_to": ["wandb"]}, r"report_to: \[wandb\] needs the package wandb.*distilray\[wandb\]"),
        ({"report_to": ["mlflow"]}, r"report_to: \[mlflow\] needs the package mlflow.*distilray\[mlflow\]"),
        (
            {"lora": {"quantize": "nf4"}, "sharding": "ddp"},
            r"lora.quantize: nf4 needs the package bitsandbytes.*distilray\[qlora\]",
        ),
    ],
)
def test_a_missing_extra_is_named_before_training(
    changes: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distilray.train.launch.checks.find_spec", lambda name: None)
    with pytest.raises(CannotTrain, match=words):
        check_extras(settings(**changes))


def test_nothing_is_needed_where_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distilray.train.launch.checks.find_spec", lambda name: None)
    check_extras(settings())


def test_mlflow_has_the_records_and_a_resumed_training_goes_on_in_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    for record in RECORDS:
        tracked = Tracked("runs/first/training/sft", settings(report_to=["mlflow"]), str(tmp_path))
        tracked.add(record)
        tracked.close()
    client = MlflowClient()
    experiment = client.get_experiment_by_name("distilray")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.params["learning_rate"] == "2e-05"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 2.5), (2, 2.25)]
    assert "grad_norm" not in run.data.metrics


def test_wandb_keeps_the_records_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    tracked = Tracked("runs/first/training/sft", settings(report_to=["wandb"]), str(tmp_path))
    for record in RECORDS:
        tracked.add(record)
    assert tracked.open["wandb"].run.summary["loss"] == 2.25  # type: ignore[attr-defined]
    tracked.close()
    (kept,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    assert kept.stat().st_size > 0


def test_a_tracker_that_fails_is_disabled_and_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []

    class Unreachable:
        def __init__(self, *_: Any) -> None: ...

        def add(self, step: int, values: Any) -> None:
            told.append(step)
            raise ConnectionError("no route to the tracker")

        def close(self) -> None:
            raise AssertionError("it was disabled")

    monkeypatch.setitem(TRACKERS, "wandb", Unreachable)
    tracked = Tracked("x", settings(report_to=["wandb"]), str(tmp_path))
    for record in RECORDS:
        tracked.add(record)
    tracked.close()
    assert told == [1]
    assert "tracker wandb disabled: ConnectionError: no route to the tracker" in caplog.text
