"""A real encoder learns what kind of problem a row is, on a real Ray cluster, and then labels rows it never saw."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import Callable
from math import exp
from pathlib import Path
from typing import Any

import pytest

from distilray.ledger import Manifest, ReplyLog
from distilray.models import ClassifierModel, EnginePools, PoolClient
from distilray.rows import Outcome, Row
from distilray.runner.row_models import ModelAccess, RowUsage
from distilray.steps import STEPS
from distilray.storage import Store
from distilray.train import TrainProgress, TrainResources, prepare_tokens
from distilray.train.loop.metrics import read_metrics
from tests.support.checkpoints import make_encoder
from tests.support.encoder import problems, settings, write_units
from tests.support.specs import spec_of
from tests.train.launch.test_launcher import training_workers

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.usefixtures("ray_cluster")]

OUT = "training/classify"
TWO = TrainResources(workers=2, cpus_per_worker=0.5)
ONE = TrainResources(workers=1, cpus_per_worker=0.5)
UNSEEN = problems(240, seed=5, split="held_out")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


def train(
    folder: Path,
    encoder: str,
    made: list[dict[str, Any]],
    resources: TrainResources,
    on_progress: Callable[[TrainProgress], None] | None = None,
    **changes: Any,
) -> tuple[Store, Manifest]:
    store, chosen = Store(folder), settings(**changes)
    spec = spec_of(store, chosen, encoder, OUT, resources=resources, on_progress=on_progress)
    return store, spec.method.fit(spec, prepare_tokens(spec, write_units(store, made)))


def losses(store: Store) -> list[float]:
    return [record["loss"] for record in read_metrics(store, OUT) if "loss" in record]


@pytest.fixture(scope="module")
def fitted(ray_cluster: None, encoder: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Manifest]:
    """Two workers under FSDP2."""
    return train(tmp_path_factory.mktemp("fitted"), encoder, problems(600), TWO)


def labelled(tmp_path: Path, checkpoint: str, rows: list[dict[str, Any]], **step: Any) -> list[Outcome]:
    """What the step `classify` makes of ``rows`` with two engines on Ray actors."""
    model = ClassifierModel(kind="classifier", path=checkpoint, replicas=2, cpus=0.5, batch_size=16)
    chosen = STEPS["classify"].model_validate({"model": "tasks", "into": "operation"} | step)

    async def run(handles: Any) -> list[Outcome]:
        async with PoolClient(handles) as client:
            desk, log = ModelAccess(client, {"tasks": model}, seed=0), ReplyLog(Store(tmp_path), "phase", "unit")
            asked = (Row({name: value for name, value in row.items() if name != "operation"}) for row in rows)
            work = [chosen.process(row, desk.models_for(row, "classify", log, RowUsage())) for row in asked]
            return await asyncio.gather(*work)

    with EnginePools("classify-test") as pools:
        return asyncio.run(run(pools.start({"tasks": model})))


def share_right(outcomes: list[Outcome], rows: list[dict[str, Any]]) -> float:
    return sum(o.columns["operation"] == row["operation"] for o, row in zip(outcomes, rows, strict=True)) / len(rows)


def test_an_encoder_learns_labels_and_says_how_well(fitted: tuple[Store, Manifest], encoder: str) -> None:
    store, manifest = fitted
    details = manifest.details
    assert details["labels"] == ["en +", "en -", "zh +", "zh -"]
    assert sum(details["rows_per_label"].values()) + details["held_out"]["rows"] == 600
    assert details["held_out"]["accuracy"] > 0.9
    assert details["held_out"]["macro_f1"] > 0.9
    assert sum(map(sum, details["held_out"]["confusion"])) == details["held_out"]["rows"]
    measured = [record for record in read_metrics(store, OUT) if "held_out_accuracy" in record]
    assert [record["step"] for record in measured] == [60, 120]
    assert measured[-1]["held_out_accuracy"] == pytest.approx(details["held_out"]["accuracy"])
    config = json.loads(store.read(f"{OUT}/final/config.json"))
    assert config["id2label"] == {str(k): label for k, label in enumerate(details["labels"])}
    assert config["distilray"] == {"reads": ["conversation"], "max_length": 128, "long_rows": "reject"}
    assert (Path(store.full(f"{OUT}/final")) / "tokenizer.json").read_bytes() == Path(
        encoder, "tokenizer.json"
    ).read_bytes()


def test_its_checkpoint_labels_rows_it_never_saw_on_actors(fitted: tuple[Store, Manifest], tmp_path: Path) -> None:
    outcomes = labelled(tmp_path, fitted[0].full(f"{OUT}/final"), UNSEEN, at_least=0.5)
    assert share_right(outcomes, UNSEEN) > 0.9
    unsure = [outcome for outcome in outcomes if outcome.kind == "rejected"]
    assert all(outcome.columns["operation_probability"] < 0.5 for outcome in unsure)
    kept = [outcome for outcome in outcomes if outcome.kind == "kept"]
    assert all(outcome.columns["operation_by"] == "classifier" for outcome in kept)
    assert len(kept) > 200


def test_an_engine_says_what_transformers_says(fitted: tuple[Store, Manifest], tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    path = fitted[0].full(f"{OUT}/final")
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForSequenceClassification.from_pretrained(path).eval()
    outcomes = labelled(tmp_path, path, UNSEEN[:40])
    for row, outcome in zip(UNSEEN, outcomes, strict=False):
        with torch.no_grad():  # one at a time: no padding
            logits = model(**tokenizer(row["messages"][0]["content"], return_tensors="pt")).logits[0]
        best = int(logits.argmax())
        assert outcome.columns["operation"] == model.config.id2label[best]
        probability = exp(float(logits.log_softmax(-1)[best]))
        assert outcome.columns["operation_probability"] == pytest.approx(probability, abs=1e-5)


def test_shuffled_labels_teach_nothing(encoder: str, tmp_path: Path) -> None:
    made = problems(600)
    shuffled = [row["operation"] for row in made]
    random.Random(0).shuffle(shuffled)
    made = [row | {"operation": label} for row, label in zip(made, shuffled, strict=True)]
    store, manifest = train(tmp_path / "run", encoder, made, ONE)
    assert manifest.details["held_out"]["accuracy"] < 0.45
    assert 0.1 < share_right(labelled(tmp_path, store.full(f"{OUT}/final"), UNSEEN), UNSEEN) < 0.4


@pytest.mark.parametrize("sharding", ["fsdp", "ddp", "zero3"])
def test_one_worker_gives_the_losses_of_two(
    fitted: tuple[Store, Manifest], encoder: str, tmp_path: Path, sharding: str
) -> None:
    resources = ONE if sharding == "fsdp" else TWO
    store, _ = train(tmp_path, encoder, problems(600), resources, sharding=sharding)
    assert losses(store)[:20] == pytest.approx(losses(fitted[0])[:20], abs=1e-3)


def test_a_killed_worker_costs_a_classifier_nothing(
    fitted: tuple[Store, Manifest], encoder: str, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_one(progress: TrainProgress) -> None:
        if progress.step >= 50 and not killed:
            killed.append(training_workers()[0])
            os.kill(killed[0], signal.SIGKILL)

    store, manifest = train(tmp_path, encoder, problems(600), TWO, kill_one)
    assert killed, "nobody was killed, so nothing was shown"
    assert losses(store) == losses(fitted[0])
    assert manifest.details["held_out"] == fitted[1].details["held_out"]


def test_adapters_and_balanced_weights_make_one_merged_classifier(encoder: str, tmp_path: Path) -> None:
    made = [row for k, row in enumerate(problems(900)) if row["operation"] != "zh -" or k % 4 == 0]
    changes = {"lora": {"r": 16, "alpha": 16}, "class_weights": "balanced", "max_steps": 240}
    store, manifest = train(tmp_path / "run", encoder, made, ONE, **changes)
    assert manifest.details["held_out"]["accuracy"] > 0.8
    assert "adapter" in store.names(f"{OUT}/final")
    assert share_right(labelled(tmp_path, store.full(f"{OUT}/final"), UNSEEN), UNSEEN) > 0.8
