"""A checkpoint's parts, written by so many processes and read by another number of them; without Ray."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

# A model and AdamW as a trainer holds them, under FSDP2 where there are several processes. Steps on the same whole
# batch in every process: `train` begins anew, `go-on` at what lies in the folder; both save.
PROGRAM = """
import json, os, sys
import torch, torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from distilray.train.distributed.resharding import Resharding

what, folder, steps, frozen, rank, workers, port = sys.argv[1:]
steps, rank, workers = int(steps), int(rank), int(workers)
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=workers)

class Trainer(Resharding):
    reshards = True
    class args: should_save = rank == 0

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
if frozen == "frozen":
    model[0].requires_grad_(False)
if workers > 1:
    for layer in model: fully_shard(layer)
    fully_shard(model)
trained = [p for p in model.parameters() if p.requires_grad]
trainer = Trainer()
trainer.model, trainer.optimizer = model, torch.optim.AdamW(trained, lr=0.05)
trainer.lr_scheduler = torch.optim.lr_scheduler.LinearLR(trainer.optimizer, 1.0, 0.1, 10)
if what == "go-on":
    trainer._load_from_checkpoint(folder)
    trainer._load_optimizer_and_scheduler(folder)
data, target = torch.randn(8, 6, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 3
losses = []
for _ in range(steps):
    loss = torch.nn.functional.cross_entropy(model(data), target)
    loss.backward()
    trainer.optimizer.step(); trainer.lr_scheduler.step(); trainer.optimizer.zero_grad()
    losses.append(loss.item())
trainer.save_model(folder, True)
dist.barrier()
trainer._save_optimizer_and_scheduler(folder)
if rank == 0:
    print(json.dumps({"losses": losses, "files": sorted(os.listdir(folder + "/state"))}))
dist.barrier()
"""


def steps(folder: Path, what: str, count: int, workers: int, frozen: str = "") -> dict:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", PROGRAM, what, str(folder), str(count), frozen]
    others = [subprocess.Popen([*command, str(rank), str(workers), str(port)]) for rank in range(1, workers)]
    first = subprocess.run([*command, "0", str(workers), str(port)], capture_output=True, text=True, timeout=300)
    assert first.returncode == 0, first.stderr[-3000:]
    assert [other.wait(60) for other in others] == [0] * len(others)
    return json.loads(first.stdout.strip().splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_another_number_of_workers_goes_on_where_the_first_was(tmp_path: Path, before: int, after: int) -> None:
    whole = steps(tmp_path / "whole", "train", 6, 1)["losses"]
    begun = steps(tmp_path / "parts", "train", 3, before)
    assert [name for name in begun["files"] if name.endswith(".distcp")] == [f"__{k}_0.distcp" for k in range(before)]
    gone_on = steps(tmp_path / "parts", "go-on", 3, after)
    assert begun["losses"] + gone_on["losses"] == pytest.approx(whole, abs=1e-6)


@pytest.mark.slow
def test_what_is_not_trained_is_not_kept(tmp_path: Path) -> None:
    from torch.distributed.checkpoint import FileSystemReader

    steps(tmp_path / "frozen", "train", 2, 1, "frozen")
    keys = FileSystemReader(tmp_path / "frozen" / "state").read_metadata().state_dict_metadata
    assert {key for key in keys if key.startswith("model.")} == {"model.2.weight", "model.2.bias"}
    steps(tmp_path / "frozen", "go-on", 1, 2, "frozen")
