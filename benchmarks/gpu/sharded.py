"""FSDP2 on a mesh of one rank: the worker of a recipe's training, from a checkpoint on disk to an exported student."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import ray_stand_in
from benchmarks.gpu.ranks import one_rank
from benchmarks.gpu.shapes import config_of
from benchmarks.gpu.stage import Check
from benchmarks.random_training import GIB, resident

STEPS, SAVED = 4, 2
RESUMED_WITHIN = 1e-6
"""Largest relative difference of a loss after a resume from the one without."""


def sharded(check: Check, size: str = "0.5B", offload: bool = False, backend: str | None = None) -> None:
    """Loads, trains four steps with a checkpoint after two, resumes from it, exports. ``backend``: of the group."""
    with tempfile.TemporaryDirectory(dir=roomy()) as folder, forced_sharding():
        root = Path(folder)
        ray_stand_in.install()
        with one_rank(check.device, backend):
            _prepare(check, root, size)
            run = _run(check, root, offload)
            first = run("first")
            if not offload:
                _resume(check, root, run, first)
        if not offload:
            _exported(check, root)


def roomy(gib: float = 40) -> str | None:
    """Where checkpoints go: into memory where the machine has so much of it free, since the speed of a lent machine's
    disk is not the question; None: where temporary files go."""
    shared = "/dev/shm"
    return shared if os.path.isdir(shared) and shutil.disk_usage(shared).free > gib * GIB else None


@contextmanager
def forced_sharding() -> Iterator[None]:
    """A single worker has nobody to share with, so a recipe's training does not shard it; here it must."""
    from distilray.train.distributed import cpu, sharding

    arguments, before_trainer = sharding.arguments, cpu.before_trainer
    sharding.arguments = lambda settings, workers, *rest, **more: arguments(settings, max(2, workers), *rest, **more)
    cpu.before_trainer = lambda kind, workers: before_trainer(kind, max(2, workers))
    try:
        yield
    finally:
        sharding.arguments, cpu.before_trainer = arguments, before_trainer


def _prepare(check: Check, root: Path, size: str) -> None:
    """A student of random weights in bf16, and a file of random tokens."""
    import numpy as np
    import pyarrow as pa
    from transformers import AutoModelForCausalLM, Qwen2Config

    from distilray.storage import Store, write_parquet
    from tests.support.checkpoints import make_tokenizer

    began = time.perf_counter()
    torch.manual_seed(0)
    config = Qwen2Config(**config_of(size, check))
    with torch.device(check.device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    parameters = sum(weight.numel() for weight in model.parameters())
    model.to("cpu").save_pretrained(root / "student")
    make_tokenizer().save_pretrained(root / "student")
    rows, length = 2 * STEPS, check.pick(1024, 32)
    numbers = np.random.default_rng(0).integers(0, 300, (rows, length)).astype(np.int32).tolist()
    table = pa.table(
        {
            "id": [f"row {k}" for k in range(rows)],
            "outcome": ["kept"] * rows,
            "reason": pa.nulls(rows, pa.string()),
            "length": pa.array([length] * rows, pa.int32()),
            "input_ids": pa.array(numbers, pa.list_(pa.int32())),
            "labels": pa.array(numbers, pa.list_(pa.int32())),
        }
    )
    write_parquet(Store(str(root)), "out/tokens/unit-000000.parquet", table, "check", {})
    check.report("prepared", parameters=parameters, rows=rows, length=length, seconds=_since(began))


def _run(check: Check, root: Path, offload: bool) -> Any:
    """The function that trains from what lies in ``root``, and returns its losses by step."""
    from distilray.storage import Store
    from distilray.train import SFT, SFTSettings, TrainResources, read_metrics
    from distilray.train.loop.worker import train
    from distilray.train.spec import Job

    settings = SFTSettings(
        student="student", max_steps=STEPS, save_every=STEPS if offload else SAVED, log_every=1, batch_size=2,
        micro_batch_size=1, max_length=check.pick(1024, 32), activation_checkpointing=True, offload=offload,
        group_by_length=False,
    )  # fmt: skip

    class Watched(SFT):
        """SFT that reports what its worker holds on the way."""

        def head(self, job: Job) -> dict[str, Any]:
            self.began, self.before = time.perf_counter(), resident("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
            return {}

        def trainer(self, context: Any) -> Any:
            check.report(
                "loaded", seconds=_since(self.began), resident_gib=_gib(resident("VmHWM") - self.before),
                gpu_gib=_gib(torch.cuda.memory_allocated() if check.device == "cuda" else 0),
            )  # fmt: skip
            return super().trainer(context)

        def finish_in_workers(self, job: Job, trainer: Any) -> None:
            _look(check, trainer, offload)

    def run(token: str) -> dict[int, float]:
        from accelerate import PartialState
        from accelerate.state import AcceleratorState

        PartialState._reset_state()
        AcceleratorState._reset_state()
        board, began = ray_stand_in.Board(), time.perf_counter()
        if check.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        train(
            Job(
                store=Store(str(root)), out="out", method=Watched(), settings=settings,
                student_path=str(root / "student"), tokens=["out/tokens/unit-000000.parquet"], token=token,
                resources=TrainResources(gpus_per_worker=0 if check.rehearsed else 1), board=board,  # type: ignore
            )
        )  # fmt: skip
        losses = {one["step"]: one["loss"] for one in read_metrics(Store(str(root)), "out")}
        peak = torch.cuda.max_memory_allocated() if check.device == "cuda" else 0
        check.report(
            f"trained, {token}", seconds=_since(began), losses=losses, peak_gpu_gib=_gib(peak),
            grad_norms=[one["grad_norm"] for one in board.records],
        )  # fmt: skip
        return losses

    return run


def _look(check: Check, trainer: Any, offload: bool) -> None:
    """What the worker holds after the last step: types, places and the mesh."""
    from torch.distributed.tensor import DTensor

    weights = list(trainer.model.parameters())
    sharded = [weight for weight in weights if isinstance(weight, DTensor)]
    places = sorted({str((w.to_local() if isinstance(w, DTensor) else w).device) for w in weights})
    moments = [m for state in trainer.optimizer.state.values() for m in state.values() if torch.is_tensor(m) and m.ndim]
    plugin = trainer.accelerator.state.fsdp_plugin
    check.report(
        "held", weights=sorted({str(w.dtype) for w in weights}), sharded=f"{len(sharded)} of {len(weights)}",
        weights_on=places, moments=sorted({str(m.dtype) for m in moments}),
        moments_on=sorted({str(m.device) for m in moments}), mixed_precision=str(plugin.mixed_precision_policy),
        cpu_offload=str(plugin.cpu_offload),
        gpu_gib=_gib(torch.cuda.memory_allocated() if check.device == "cuda" else 0),
        resident_gib=_gib(resident("VmRSS")),
    )  # fmt: skip
    check.expect(len(sharded) == len(weights), f"FSDP shards {len(sharded)} of {len(weights)} parameters")
    check.expect({w.dtype for w in weights} == {torch.float32}, "masters are not fp32")
    if offload and check.device == "cuda":  # on CPUs it is ignored
        policy = type(plugin.cpu_offload).__name__
        check.expect(policy == "CPUOffloadPolicy", f"offload ends in accelerate's {policy}, which offloads nothing")
        check.expect(places == ["cpu"], f"offload leaves weights on {', '.join(places)}")


def _resume(check: Check, root: Path, run: Any, first: dict[int, float]) -> None:
    """The same from the checkpoint of step 2 on: as a killed training goes on."""
    saved = root / "out" / "checkpoints" / f"step-{SAVED:08d}"
    size = sum(path.stat().st_size for path in saved.rglob("*") if path.is_file())
    check.report("checkpoint", gib=_gib(size), files=sorted(str(p.relative_to(saved)) for p in saved.rglob("*"))[:40])
    shutil.rmtree(root / "out" / "checkpoints" / f"step-{STEPS:08d}")
    shutil.rmtree(root / "out" / "final")
    again = run("resumed")
    off = max(abs(again[step] / first[step] - 1) for step in range(SAVED + 1, STEPS + 1))
    check.report("resume", relative_difference=off)
    check.expect(off <= RESUMED_WITHIN, f"losses after a resume differ by {off:.1e}")


def _exported(check: Check, root: Path) -> None:
    """The export is whole, in the student's precision, and transformers reads it."""
    from transformers import AutoModelForCausalLM

    final = root / "out" / "final"
    began = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(final, dtype="auto").to(check.device)
    loss = float(
        model(
            input_ids=torch.arange(16, device=check.device)[None], labels=torch.arange(16)[None].to(check.device)
        ).loss
    )
    check.report(
        "export", seconds_to_read=_since(began), dtype=str(model.dtype), loss=round(loss, 4),
        files={path.name: path.stat().st_size for path in sorted(final.iterdir()) if path.is_file()},
    )  # fmt: skip
    check.expect(model.dtype == torch.bfloat16, f"the student was bf16, its export is {model.dtype}")
    check.expect(loss == loss, "the export's loss is not a number")


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 2)


def _gib(size: int) -> float:
    return round(size / GIB, 3)
