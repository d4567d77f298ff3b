"""A compiled training in workers of its own, killed after a checkpoint, resumes and comes to what a plain one does.

Compiled blocks add in another order. After eight steps in fp32 losses may differ by 1e-4 each, and weights, all in all,
by 1 % of their way from where they began: AdamW moves weights with next to no gradient by signs that are rounding's.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed.checkpoint import FileSystemReader

from distilray.storage import Store
from distilray.train import SFTSettings, TrainProgress, prepare_tokens
from tests.support.compiled import GRAPHS, KILLED, CountedSFT
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units
from tests.train.launch.test_launcher import OUT, TWO, losses, settings, train, training_workers

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.usefixtures("ray_cluster")]

STEPS = 8
CLOSE, APART = 1e-4, 0.01


def weights(store: Store) -> dict[str, torch.Tensor]:
    return load_file(Path(store.full(f"{OUT}/final")) / "model.safetensors")


def compiled(folder: Path, student: str, chosen: SFTSettings) -> tuple[Store, set[str]]:
    """A compiled training, a worker of which is killed after the fourth step's checkpoint; the names of the weights in
    that checkpoint."""
    store, names = Store(folder), set()

    def kill_one(progress: TrainProgress) -> None:
        state = Path(store.full(f"{OUT}/checkpoints/step-00000004/state"))
        if progress.step >= 5 and not names and (state / ".metadata").exists():
            names.update(FileSystemReader(state).read_metadata().state_dict_metadata)
            store.write(KILLED, b"")
            os.kill(training_workers()[0], signal.SIGKILL)

    spec = spec_of(store, chosen, student, OUT, resources=TWO, on_progress=kill_one, method=CountedSFT())
    spec.method.fit(spec, prepare_tokens(spec, write_units(store, rows(200))))
    return store, {name.removeprefix("model.") for name in names if name.startswith("model.")}


def test_a_compiled_training_resumes_and_ends_where_a_plain_one_does(student: str, tmp_path: Path) -> None:
    plain, _ = train(tmp_path / "plain", student, settings(max_steps=STEPS), TWO)
    store, names = compiled(tmp_path / "compiled", student, settings(max_steps=STEPS, compile=True))
    assert names, "nobody was killed, so nothing was shown"
    began, wanted, found = load_file(Path(student) / "model.safetensors"), weights(plain), weights(store)
    assert found.keys() == wanted.keys() == began.keys()
    assert names >= found.keys() and not any("_orig_mod" in name for name in names)
    assert store.read_json(f"{OUT}/{GRAPHS}") > 0, "nothing was compiled"
    assert losses(store) == pytest.approx(losses(plain), abs=CLOSE)
    apart, way = (
        sum((one[name] - other[name]).double().square().sum() for name in began) ** 0.5
        for one, other in ((found, wanted), (wanted, began))
    )
    assert apart / way < APART
