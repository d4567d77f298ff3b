"""Experiment trackers that records go to besides metrics.jsonl: ``report_to: [wandb, mlflow]``, each an optional extra.

They read their destination and credentials from their own environment variables (``WANDB_API_KEY``, ``WANDB_MODE``,
``MLFLOW_TRACKING_URI``). A tracker that cannot be reached does not end a training: it is disabled, with a
warning.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping
from typing import Any, Protocol

from distilray.train.settings import TrainSettings

PROJECT = "distilray"
logger = logging.getLogger(__name__)


class Tracker(Protocol):
    """``key`` names the training, the same after a kill; ``folder`` is scratch on the local disk."""

    def __init__(self, key: str, settings: TrainSettings, folder: str) -> None: ...

    def add(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


class Wandb:
    """Weights & Biases."""

    def __init__(self, key: str, settings: TrainSettings, folder: str) -> None:
        import wandb  # pyright: ignore[reportMissingImports]

        self.run = wandb.init(
            project=PROJECT, name=settings.name, id=key, resume="allow", dir=folder, config=settings.model_dump()
        )

    def add(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step, commit=True)  # otherwise a named step only appears with the next one

    def close(self) -> None:
        self.run.finish()


class MLflow:
    """MLflow; the run of a resumed training is found by a tag."""

    def __init__(self, key: str, settings: TrainSettings, folder: str) -> None:
        from mlflow.tracking import MlflowClient  # pyright: ignore[reportMissingImports]

        self.client = MlflowClient()
        experiment = self.client.get_experiment_by_name(PROJECT)
        number = experiment.experiment_id if experiment is not None else self.client.create_experiment(PROJECT)
        earlier = self.client.search_runs([number], f"tags.distilray = '{key}'", max_results=1)
        if earlier:
            self.run_id = earlier[0].info.run_id
            self.client.set_terminated(self.run_id, "RUNNING")
            return
        tags = {"distilray": key, "mlflow.runName": settings.name}
        self.run_id = self.client.create_run(number, tags=tags).info.run_id
        for name, value in settings.model_dump().items():
            self.client.log_param(self.run_id, name, str(value)[:500])

    def add(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.client.log_metric(self.run_id, name, value, step=step)

    def close(self) -> None:
        self.client.set_terminated(self.run_id)


TRACKERS: dict[str, type[Tracker]] = {"wandb": Wandb, "mlflow": MLflow}


class Tracked:
    """All trackers of a training."""

    def __init__(self, place: str, settings: TrainSettings, folder: str) -> None:
        key = hashlib.blake2b(place.encode(), digest_size=8).hexdigest()
        self.open = {name: TRACKERS[name](key, settings, folder) for name in settings.report_to}

    def add(self, record: Mapping[str, Any]) -> None:
        """One record of metrics.jsonl."""
        numbers = {k: float(v) for k, v in record.items() if isinstance(v, int | float) and math.isfinite(v)}
        step = int(numbers.pop("step"))
        for name in list(self.open):
            self._call(name, "add", step, numbers)

    def close(self) -> None:
        for name in list(self.open):
            self._call(name, "close")

    def _call(self, name: str, what: str, *words: Any) -> None:
        try:
            getattr(self.open[name], what)(*words)
        except Exception as error:  # no error of a tracker may stop the training
            del self.open[name]
            logger.warning("tracker %s disabled: %s: %s", name, type(error).__name__, error)
