"""Two workers over gloo have the losses and gradients of all their rows together: KTO, SimPO, and DPO with a live
reference. Rows are of several lengths, and of KTO's four bad ones one worker has three."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch.multiprocessing as mp

from distilray.storage import Store
from distilray.train import SimPOSettings, TrainSettings
from distilray.train.data.training_data import unjoined
from tests.support import losses_written_out as written
from tests.support.gradients import CLOSE, apart, exact_model
from tests.support.pairs import settings as dpo_settings
from tests.support.ports import free_port
from tests.support.preferred import (
    Answers,
    answers,
    feed_of,
    first_step,
    pairs_in_fp64,
    tokenized_pairs,
    trainer_on,
)
from tests.support.ranks import one_of
from tests.support.rated import kto_in_fp64, moved_away, rated
from tests.support.rated import settings as kto_settings

pytestmark = pytest.mark.slow

SPLIT = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_grad_norm": 0.0}
"""Worker 0 has the rows 0, 1, 4 and 5."""
SIMPO = SimPOSettings(student="tiny", max_steps=4, beta=2.5, margin=1.4, precision="fp32")
CASES: dict[str, TrainSettings] = {
    "kto-fsdp": kto_settings(beta=0.3, undesirable_weight=1.3, batch_size=8),
    "kto-ddp": kto_settings(beta=0.3, undesirable_weight=1.3, batch_size=8, sharding="ddp"),
    "simpo-fsdp": SIMPO,
    "simpo-ddp": SIMPO.model_copy(update={"sharding": "ddp"}),
    "dpo-fsdp": dpo_settings(reference_by="live"),
}


def one_of_two(worker: int, student: str, begins: str, port: int, out: str) -> None:
    with one_of(2, worker, port):
        for case, chosen in CASES.items():
            folder = Path(out) / str(worker) / case
            store = Store(Path(out) / ("rated" if chosen.kind == "kto" else "pairs"))
            feed = feed_of(store, folder / "feed", unjoined)
            with patch.dict(os.environ):  # through which accelerate keeps FSDP switched on
                found = first_step(trainer_on(store, student, feed, folder, chosen, begins=begins, **SPLIT))
            torch.save((found, list(feed.train)), folder / "found.pt")


@pytest.fixture(scope="module")
def begins(student: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The student that is trained, at some distance from the reference."""
    return moved_away(student, tmp_path_factory.mktemp("moved"))


@pytest.fixture(scope="module")
def steps(student: str, begins: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first step of every case, in a folder for each worker."""
    folder = tmp_path_factory.mktemp("ranks")
    rated(folder / "rated", student, bad=(0, 1, 4, 6))
    tokenized_pairs(folder / "pairs", student)
    mp.spawn(one_of_two, (student, begins, free_port(), str(folder)), nprocs=2)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_two_workers_have_the_loss_and_gradient_of_one(student: str, begins: str, steps: Path, case: str) -> None:
    chosen: Any = CASES[case]
    for worker in range(2):
        (found, gradient), rows = torch.load(steps / str(worker) / case / "found.pt")
        assert len(rows) == 8
        if chosen.kind == "kto":
            loss, exact = kto_in_fp64(begins, student, rows, chosen)
        elif chosen.kind == "simpo":
            loss, exact = pairs_in_fp64(begins, rows, lambda _, pair: written.simpo(*pair, 2.5, 1.4))
        else:
            loss, exact = pairs_in_fp64(begins, rows, partial(dpo, exact_model(student)))
        assert found == pytest.approx(loss, rel=1e-4)
        assert apart(gradient, exact) < CLOSE


def dpo(reference: Any, row: dict[str, Any], pair: Answers) -> torch.Tensor:
    with torch.no_grad():
        theirs = answers(reference, row)
    return written.dpo("sigmoid", *pair, *theirs, row["beta"])
