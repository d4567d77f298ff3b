"""Fewer workers than were wanted, at first or later: the same batches, the same losses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from distilray.planning import Available, plan, training_needs
from distilray.recipe import RecipeError, parse
from distilray.storage import Store
from distilray.train import CannotTrain, SFTSettings, TrainResources, fit, prepare_tokens
from distilray.train.launch.launcher import launch
from distilray.train.loop import checkpoints
from distilray.train.settings import worker_counts
from tests.support.elastic_driver import STEPS
from tests.support.paths import ROOT, SUPPORT
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units
from tests.train.launch.test_launcher import ONE, OUT, TWO, losses, settings, train


def some(**changes: Any) -> SFTSettings:
    return SFTSettings.model_validate({"student": "tiny", "epochs": 1, "batch_size": 64} | changes)


def test_workers_that_share_a_batch_evenly_may_come_to_be() -> None:
    assert worker_counts(some(), TrainResources(workers=8, min_workers=2)) == [2, 4, 8]
    assert worker_counts(some(batch_size=24), TrainResources(workers=8, min_workers=3)) == [3, 4, 6, 8]
    assert worker_counts(some(), TrainResources(workers=4)) == [4]


def test_the_fewest_have_to_share_it_evenly_too() -> None:
    with pytest.raises(ValueError, match="batch_size 64 cannot be shared evenly by 3 workers; make it a multiple of 3"):
        worker_counts(some(), TrainResources(workers=8, min_workers=3))


def test_deepspeeds_checkpoints_are_bound_to_their_workers() -> None:
    with pytest.raises(ValueError, match="min_workers needs sharding: fsdp or ddp; a checkpoint of zero3"):
        worker_counts(some(sharding="zero3"), TrainResources(workers=2, min_workers=1))


def test_no_more_than_all_are_needed_at_the_least() -> None:
    with pytest.raises(ValidationError, match="min_workers 3 is more than workers 2"):
        TrainResources(workers=2, min_workers=3)


def test_what_ray_finds_room_for_is_rounded_down_to_an_even_share() -> None:
    from ray.train import ScalingConfig

    from distilray.train.distributed.elastic import EvenShares

    config = ScalingConfig(num_workers=(2, 8), resources_per_worker={"CPU": 1})
    policy = EvenShares(config, [2, 4, 8])
    assert policy._count_possible_workers({"a": {"CPU": 4.0}, "b": {"CPU": 3.0}}) == 4
    assert policy._count_possible_workers({"a": {"CPU": 40.0}}) == 8
    assert policy._count_possible_workers({"a": {"CPU": 1.0}}) == 0, "fewer than the least: wait"


RECIPE = """
models: {student: {path: Qwen/Qwen2.5-7B}}
sources: [{name: rows, path: rows.jsonl}]
train: [{kind: sft, student: student, epochs: 1, max_length: 1024, micro_batch_size: 1, activation_checkpointing: true,
         resources: {workers: 8, gpus_per_worker: 1}}]
"""


def test_the_plan_asks_for_the_fewest_and_for_what_each_of_them_holds() -> None:
    all_of_them = training_needs(parse(RECIPE, "r", []), Available(96, 8, gpu_gib=80))[0]
    least = parse(RECIPE, "r", ["train.0.resources.min_workers=2"])
    fewer = training_needs(least, Available(96, 8, gpu_gib=80))[0]
    assert all_of_them.memory is not None and fewer.memory is not None
    assert fewer.memory.weights == 4 * all_of_them.memory.weights
    plan(least, "s", Available(96, 2, gpu_gib=80))
    with pytest.raises(RecipeError, match="its 2 workers need 2 CPUs and 2 GPUs, but there are"):
        plan(least, "s", Available(96, 1, gpu_gib=80))


def test_a_number_of_workers_that_cannot_share_is_told_before_training(student: str, tmp_path: Path) -> None:
    with pytest.raises(CannotTrain, match="cannot be shared evenly by 3 workers"):
        fit(spec_of(Store(tmp_path), some(), student, OUT, resources=TrainResources(workers=4, min_workers=3)), ["t"])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("ray_cluster")
def test_a_checkpoint_of_two_workers_is_gone_on_from_by_one_and_back(student: str, tmp_path: Path) -> None:
    constant = {"schedule": "constant", "warmup": 0}
    undisturbed, _ = train(tmp_path / "undisturbed", student, settings(**constant), TWO)
    store, chosen = Store(tmp_path / "changed"), settings(**constant)
    tokens = prepare_tokens(spec_of(store, chosen, student, OUT), write_units(store, rows(200))).paths
    for steps, resources in ((4, TWO), (8, ONE), (12, TWO)):
        launch(spec_of(store, settings(max_steps=steps, **constant), student, OUT, resources=resources), tokens)
        newest = checkpoints.newest(store, f"{OUT}/checkpoints")
        assert newest is not None and checkpoints.step_of_path(newest) == steps
        assert len(store.names(f"{newest}/state")) == resources.workers, "each worker writes its part"
    assert losses(store) == pytest.approx(losses(undisturbed), abs=1e-4)


@pytest.mark.slow
@pytest.mark.long
def test_a_training_that_loses_a_node_goes_on_with_one_worker(student: str, tmp_path: Path) -> None:
    script = SUPPORT / "elastic_driver.py"
    command = [sys.executable, str(script), str(tmp_path / "run"), student]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["lost"], "the node was never lost, so nothing was shown"
    together = found["workers"].count(2)
    assert found["workers"] == [2] * together + [1] * (STEPS - together)
    assert 4 <= together < STEPS and together % 4 == 0, "it goes on from a checkpoint"
    assert found["details"]["worker_counts"] == [2, 1]
    assert found["losses"] == pytest.approx(undisturbed_losses(student, tmp_path / "undisturbed"), abs=1e-3)


def undisturbed_losses(student: str, folder: Path) -> list[float]:
    """Of two workers that nothing happens to, on a cluster of their own."""
    program = (
        "import sys, json, ray; from pathlib import Path\n"
        "from tests.support.elastic_driver import STEPS\n"
        "from tests.train.launch.test_launcher import TWO, losses, settings, train\n"
        "ray.init(address='local', num_cpus=2, include_dashboard=False, object_store_memory=150 * 2**20,"
        " log_to_driver=False)\n"
        "store, _ = train(Path(sys.argv[1]), sys.argv[2], settings(max_steps=STEPS), TWO)\n"
        "print(json.dumps(losses(store)))"
    )
    command = [sys.executable, "-c", program, str(folder), student]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True, cwd=ROOT)
    return json.loads(done.stdout.strip().splitlines()[-1])
