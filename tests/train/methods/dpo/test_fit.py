"""Real preference trainings on a real Ray cluster: the practice world's student on pairs whose truth is known."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from distilray.ledger import Manifest
from distilray.practice.arithmetic import draw_problem
from distilray.practice.worked import draw_trace, medium
from distilray.storage import Store
from distilray.train import DPOSettings, TrainingFailed, TrainProgress, TrainResources, prepare_tokens
from distilray.train.loop.metrics import read_metrics
from tests.support.pairs import BETAS, pair_units, settings
from tests.support.specs import spec_of
from tests.train.launch.test_launcher import training_workers

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_cluster")]

OUT = "training/dpo"
STUDENT = "package://distilray.practice/checkpoints/student_warm"
TWO = TrainResources(workers=2, cpus_per_worker=0.5)
ONE = TrainResources(workers=1, cpus_per_worker=0.5)


def chosen_settings(**changes: Any) -> DPOSettings:
    return settings(**{"max_steps": 24, "learning_rate": 3e-4, "holdout": 0.25, "evaluate_every": 12, **changes})


def practice_pairs(count: int) -> list[dict[str, Any]]:
    """A solution that a small model can follow against a needlessly long one, each with a beta of its own."""
    dice = random.Random("pairs")
    made = []
    for k in range(count):
        problem = draw_problem(dice, "train")
        made.append(
            {
                "id": f"pair:{k}",
                "messages": [{"role": "user", "content": problem.text}],
                "answer": medium(problem).text,
                "rejected_answer": draw_trace(problem, "hard", dice).text,
                "beta": BETAS[k % 3],
                "outcome": "kept",
            }
        )
    return made


def train(
    folder: Path,
    chosen: DPOSettings,
    resources: TrainResources,
    on_progress: Callable[[TrainProgress], None] | None = None,
) -> tuple[Store, Manifest]:
    store = Store(folder)
    spec = spec_of(store, chosen, STUDENT, OUT, resources=resources, on_progress=on_progress)
    return store, spec.method.fit(spec, prepare_tokens(spec, pair_units(store, practice_pairs(240))))


def series(store: Store, name: str) -> list[float]:
    return [record[name] for record in read_metrics(store, OUT) if name in record]


@pytest.fixture(scope="module")
def undisturbed(ray_cluster: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Manifest]:
    """Two workers under FSDP2, student and reference sharded; nobody killed."""
    return train(tmp_path_factory.mktemp("undisturbed"), chosen_settings(), TWO)


def test_the_student_learns_what_is_preferred_on_pairs_it_never_saw(
    undisturbed: tuple[Store, Manifest],
) -> None:
    store, manifest = undisturbed
    assert manifest.details["kind"] == "dpo"
    accuracies = series(store, "held_out_accuracy")
    assert len(accuracies) == 2
    assert accuracies[-1] > 0.9
    assert series(store, "held_out_margin")[-1] > 1
    assert series(store, "kl")[-1] > series(store, "kl")[0]
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= set(store.names(f"{OUT}/final"))


@pytest.mark.long
def test_two_workers_give_the_losses_and_margins_of_one(undisturbed: tuple[Store, Manifest], tmp_path: Path) -> None:
    alone, _ = train(tmp_path, chosen_settings(), ONE)
    for name, near in (("loss", 1e-4), ("margin", 1e-3), ("kl", 1e-4)):
        assert series(undisturbed[0], name) == pytest.approx(series(alone, name), abs=near), name
    # At the first step student and reference are the same: margins are 0 and their sign is rounding.
    assert series(undisturbed[0], "accuracy")[1:] == pytest.approx(series(alone, "accuracy")[1:], abs=1e-6)


@pytest.mark.long
def test_a_killed_worker_costs_nothing_but_time_and_the_reference_is_not_asked_again(
    undisturbed: tuple[Store, Manifest], tmp_path: Path
) -> None:
    killed: list[int] = []
    seen: dict[str, int] = {}

    def stamps() -> dict[str, int]:
        folder = tmp_path / OUT / "reference"
        return {path.name: path.stat().st_mtime_ns for path in folder.glob("unit-*.parquet")}

    def kill_one(progress: TrainProgress) -> None:
        if progress.step >= 6 and not killed:
            seen.update(stamps())
            killed.append(training_workers()[0])
            os.kill(killed[0], signal.SIGKILL)

    store, _ = train(tmp_path, chosen_settings(), TWO, kill_one)
    assert killed, "nobody was killed, so nothing was shown"
    assert series(store, "loss") == series(undisturbed[0], "loss")
    assert seen
    assert stamps() == seen


@pytest.mark.long
@pytest.mark.parametrize("sharding", ["fsdp", "zero3"])
def test_a_live_sharded_reference_trains_like_a_cached_one(
    undisturbed: tuple[Store, Manifest], tmp_path: Path, sharding: str
) -> None:
    store, _ = train(tmp_path, chosen_settings(reference_by="live", sharding=sharding), TWO)
    assert series(store, "loss") == pytest.approx(series(undisturbed[0], "loss"), abs=1e-4)
    assert store.names(f"{OUT}/reference") == []


@pytest.mark.long
@pytest.mark.parametrize("sharding", ["ddp", "zero2", "zero3"])
def test_every_sharding_gives_the_same_losses(
    undisturbed: tuple[Store, Manifest], tmp_path: Path, sharding: str
) -> None:
    store, _ = train(tmp_path, chosen_settings(sharding=sharding), TWO)
    assert series(store, "loss") == pytest.approx(series(undisturbed[0], "loss"), abs=1e-3)


@pytest.mark.long
def test_adapters_are_their_own_reference_without_themselves(tmp_path: Path) -> None:
    curves = []
    for by in ("live", "workers"):
        store, _ = train(tmp_path / by, chosen_settings(lora={"r": 4}, learning_rate=3e-3, reference_by=by), TWO)
        curves.append(series(store, "loss"))
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)
    assert curves[0][-1] < curves[0][0]


@pytest.mark.long
def test_a_loss_that_explodes_ends_the_training_at_once_and_names_rows(tmp_path: Path) -> None:
    sessions: list[int] = []
    with pytest.raises(TrainingFailed, match=r"step \d+: the (loss|gradient).*worst rows: pair:\d+") as failure:
        train(
            tmp_path,
            chosen_settings(learning_rate=1e4, max_grad_norm=0, warmup=0),
            ONE,
            lambda p: sessions.append(p.step),
        )
    assert "Checkpoints up to the last one are kept" in str(failure.value)
    assert sessions == sorted(sessions), "it was tried again"
