"""Real trainings on a real Ray cluster: two CPU workers, FSDP2 over gloo, and people with kill -9."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from distilray.ledger import Manifest
from distilray.storage import Store
from distilray.train import CannotTrain, SFTSettings, TrainProgress, TrainResources, fit, prepare_tokens
from distilray.train.loop.metrics import read_metrics
from tests.support.paths import SUPPORT
from tests.support.specs import SHORT, spec_of
from tests.support.tiny import rows, write_units

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]

OUT = "training/sft"
TWO = TrainResources(workers=2, cpus_per_worker=0.5)
ONE = TrainResources(workers=1, cpus_per_worker=0.5)


def settings(**changes: Any) -> SFTSettings:
    return SFTSettings.model_validate({**SHORT, "learning_rate": 3e-3, **changes})


def train(
    folder: Path,
    student: str,
    chosen: SFTSettings,
    resources: TrainResources,
    on_progress: Callable[[TrainProgress], None] | None = None,
) -> tuple[Store, Manifest]:
    store = Store(folder)
    spec = spec_of(store, chosen, student, OUT, resources=resources, on_progress=on_progress)
    return store, spec.method.fit(spec, prepare_tokens(spec, write_units(store, rows(200))))


def losses(store: Store) -> list[float]:
    records = [record for record in read_metrics(store, OUT) if "loss" in record]
    assert [record["step"] for record in records] == list(range(1, len(records) + 1))
    return [record["loss"] for record in records]


@pytest.fixture(scope="module")
def undisturbed(ray_cluster: None, student: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Manifest]:
    """Two workers under FSDP2, nobody killed; the worker itself asserts that every parameter is sharded."""
    return train(tmp_path_factory.mktemp("undisturbed"), student, settings(), TWO)


def test_a_training_learns_and_says_what_it_did(undisturbed: tuple[Store, Manifest]) -> None:
    store, manifest = undisturbed
    curve = losses(store)
    assert curve[-1] < 0.8 * curve[0]
    assert manifest.finished is not None
    assert manifest.details["checkpoint"] == f"{OUT}/final"
    assert manifest.details["steps"] == 12
    assert manifest.details["system"] is None
    assert manifest.details["peak"].startswith("measured: 1024x1024 fp32 product")
    records = [record for record in read_metrics(store, OUT) if "loss" in record]
    assert all(0 < record["mfu"] < 1 and record["grad_norm"] > 0 for record in records)
    assert records[-1]["eta_s"] == 0
    assert any(name.startswith("events.out") for name in store.names(f"{OUT}/tensorboard"))


@pytest.mark.long
def test_two_workers_give_the_losses_of_one(undisturbed: tuple[Store, Manifest], student: str, tmp_path: Path) -> None:
    alone, _ = train(tmp_path, student, settings(), ONE)
    assert losses(undisturbed[0]) == pytest.approx(losses(alone), abs=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("sharding", ["ddp", "zero2", "zero3"])
def test_every_sharding_gives_the_same_losses(
    undisturbed: tuple[Store, Manifest], student: str, tmp_path: Path, sharding: str
) -> None:
    store, _ = train(tmp_path, student, settings(sharding=sharding), TWO)
    assert losses(store) == pytest.approx(losses(undisturbed[0]), abs=1e-3)
    assert "model.safetensors" in store.names(f"{OUT}/final")


def test_a_finished_training_is_not_done_again(undisturbed: tuple[Store, Manifest], student: str) -> None:
    store, manifest = undisturbed
    began = time.monotonic()
    assert fit(spec_of(store, settings(), student, OUT, resources=TWO), ["anything"]) == manifest
    assert time.monotonic() - began < 1


@pytest.mark.long  # tests/cluster/test_faults.py kills one on two nodes
def test_a_killed_worker_costs_nothing_but_time(
    undisturbed: tuple[Store, Manifest], student: str, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_one(progress: TrainProgress) -> None:
        if progress.step >= 6 and not killed:
            killed.append(training_workers()[0])
            os.kill(killed[0], signal.SIGKILL)

    store, _ = train(tmp_path, student, settings(max_steps=12), TWO, kill_one)
    assert killed, "nobody was killed, so nothing was shown"
    assert losses(store) == losses(undisturbed[0])


@pytest.mark.long
def test_a_killed_driver_goes_on_where_it_was(
    undisturbed: tuple[Store, Manifest], student: str, tmp_path: Path
) -> None:
    script = SUPPORT / "train_driver.py"
    command = [sys.executable, str(script), str(tmp_path), student, settings().model_dump_json()]
    driver = subprocess.Popen(command, start_new_session=True)
    store = Store(tmp_path)
    waiting = threading.Event()
    while not store.names(f"{OUT}/checkpoints/step-00000004/") and driver.poll() is None:
        waiting.wait(0.05)
    os.killpg(driver.pid, signal.SIGKILL)  # the driver and its private cluster
    assert driver.wait() == -signal.SIGKILL
    _, manifest = train(tmp_path, student, settings(), TWO)
    assert manifest.details["steps"] == 12
    assert losses(store) == losses(undisturbed[0])


def test_the_exported_checkpoint_answers_alike_in_transformers_and_vllm(undisturbed: tuple[Store, Manifest]) -> None:
    final = undisturbed[0].full(f"{OUT}/final")
    script = SUPPORT / "greedy.py"
    asked = [row["messages"] for row in rows(8, seed=3)]
    texts = {
        engine: json.loads(
            subprocess.run(
                [sys.executable, str(script), engine, final, json.dumps(asked)],
                check=True,
                capture_output=True,
                text=True,
                timeout=600,
            ).stdout.splitlines()[-1]
        )
        for engine in ("transformers", "vllm")
    }
    assert texts["vllm"] == texts["transformers"]


def test_the_export_keeps_the_precision_and_the_tokenizer_of_the_student(
    undisturbed: tuple[Store, Manifest], student: str
) -> None:
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    final = Path(undisturbed[0].full(f"{OUT}/final"))
    before, after = load_file(Path(student) / "model.safetensors"), load_file(final / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(after[name].dtype == tensor.dtype for name, tensor in before.items())
    assert not torch.equal(before["model.norm.weight"], after["model.norm.weight"])
    assert (final / "chat_template.jinja").read_bytes() == (Path(student) / "chat_template.jinja").read_bytes()
    own, made = (Tokenizer.from_file(str(Path(folder) / "tokenizer.json")) for folder in (student, final))
    assert own.to_str() == made.to_str()


@pytest.mark.long
def test_adapters_are_merged_into_a_plain_checkpoint(student: str, tmp_path: Path) -> None:
    store, _ = train(tmp_path, student, settings(lora={"r": 4}), TWO)
    curve = losses(store)
    assert curve[-1] < curve[0]
    assert {"model.safetensors", "config.json", "adapter"} <= set(store.names(f"{OUT}/final"))


@pytest.mark.long
def test_packed_rows_train_like_unpacked_ones(student: str, tmp_path: Path) -> None:
    store, _ = train(tmp_path, student, settings(packing=True, batch_size=4, micro_batch_size=2), TWO)
    assert losses(store)[-1] < losses(store)[0]


@pytest.mark.long
def test_held_out_rows_are_looked_at_while_training(student: str, tmp_path: Path) -> None:
    store, manifest = train(tmp_path, student, settings(holdout=0.1, evaluate_every=6, log_every=5), TWO)
    assert manifest.details["steps"] == 12, "the last step is told, also where it is no multiple of log_every"
    held_out = [record["held_out_loss"] for record in read_metrics(store, OUT) if "held_out_loss" in record]
    assert len(held_out) == 2
    assert held_out[1] < held_out[0]


@pytest.mark.long
def test_a_training_whose_held_out_loss_does_not_fall_stops_early(student: str, tmp_path: Path) -> None:
    """At a rate this small nothing changes, so the second evaluation is no better than the first."""
    chosen = settings(holdout=0.1, evaluate_every=3, patience=1, learning_rate=1e-30)
    store, manifest = train(tmp_path, student, chosen, ONE)
    assert manifest.details["steps"] == 6
    assert (Path(store.full(f"{OUT}/final")) / "model.safetensors").is_file()


@pytest.mark.long
def test_adapters_over_weights_in_four_bits_are_trained_and_merged(student: str, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    chosen = settings(lora={"r": 8, "quantize": "nf4"}, sharding="ddp", learning_rate=1e-2)
    store, _ = train(tmp_path, student, chosen, ONE)
    curve = losses(store)
    assert curve[-1] < curve[0]
    assert {"model.safetensors", "config.json", "adapter"} <= set(store.names(f"{OUT}/final"))
    assert "quantization_config" not in json.loads(store.read(f"{OUT}/final/config.json"))


@pytest.mark.long
def test_a_set_of_rows_that_all_fall_away_is_refused_before_training(student: str, tmp_path: Path) -> None:
    store, chosen = Store(tmp_path), settings(max_length=8)
    with pytest.raises(CannotTrain, match=r"no row is left.*longer than max_length \(200\)"):
        prepare_tokens(spec_of(store, chosen, student, OUT), write_units(store, rows(200)))


@pytest.mark.long
def test_progress_reaches_the_driver_with_an_eta(student: str, tmp_path: Path) -> None:
    seen: list[TrainProgress] = []
    train(tmp_path, student, settings(max_steps=30), ONE, seen.append)
    assert seen
    assert seen[-1].steps == 30
    assert all(progress.tokens_per_second > 0 for progress in seen)
    assert [progress.step for progress in seen] == sorted(progress.step for progress in seen)


def training_workers() -> list[int]:
    """Process ids of the workers of the training that this process runs."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any("RayTrainWorker" in word for word in process.cmdline()):
                found.append(process.pid)
    return found
