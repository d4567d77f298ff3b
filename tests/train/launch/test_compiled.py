"""A compiled training in workers of its own, killed after a checkpoint: it resumes, and comes to what a plain one does.

Compiled blocks add in another order: losses may differ by 1e-4 and weights by 1e-4 after eight steps of fp32.
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
from tests.support.compiled import GRAPHS, CountedSFT
from tests.support.specs import spec_of
from tests.support.tiny import rows, write_units
from tests.train.launch.test_launcher import OUT, TWO, losses, settings, train, training_workers

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.usefixtures("ray_cluster")]

STEPS = 8
CLOSE = 1e-4


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
            os.kill(training_workers()[0], signal.SIGKILL)

    spec = spec_of(store, chosen, student, OUT, resources=TWO, on_progress=kill_one, method=CountedSFT())
    spec.method.fit(spec, prepare_tokens(spec, write_units(store, rows(200))))
    return store, {name.removeprefix("model.") for name in names if name.startswith("model.")}


def test_a_compiled_training_resumes_and_ends_where_a_plain_one_does(student: str, tmp_path: Path) -> None:
    plain, _ = train(tmp_path / "plain", student, settings(max_steps=STEPS), TWO)
    store, names = compiled(tmp_path / "compiled", student, settings(max_steps=STEPS, compile=True))
    assert names, "nobody was killed, so nothing was shown"
    wanted, found = weights(plain), weights(store)
    assert found.keys() == wanted.keys() == load_file(Path(student) / "model.safetensors").keys()
    assert names >= found.keys() and not any("_orig_mod" in name for name in names)
    assert store.read_json(f"{OUT}/{GRAPHS}") > 0, "nothing was compiled"
    assert losses(store) == pytest.approx(losses(plain), abs=CLOSE)
    for name, weight in wanted.items():
        torch.testing.assert_close(found[name].float(), weight.float(), rtol=0, atol=CLOSE, msg=name)
