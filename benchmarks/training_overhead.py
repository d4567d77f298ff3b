"""Tokens/s of trainings by our Ray Train launcher against the same training under torchrun, without Ray.

    python -m benchmarks.training_overhead --kind sft --pairs 5

Kinds: ``sft``; ``dpo`` with a live, sharded reference; ``distill`` from a live, sharded teacher. Arms, taken in turn,
two workers each (or --workers 1) under FSDP2, over gloo where there is no GPU, the same token files, the same order of
rows, the same arguments:

* ``ray``: distilray.train.launch.launcher, as a recipe's training runs it;
* ``torchrun``: the same trainer in a plain script that torchrun starts;
* ``trl`` (sft alone): the script with TRL's SFTTrainer as it is, whose loss also gathers metrics from all workers.

tokens/s are those of the steps after the first quarter, checkpoints not counted: Ray's own daemons are busy for half a
minute after a cluster's start, which on two cores would be counted against the workers, and a cluster in use started
long ago (``tokens_per_s_from_first`` counts all steps). Start-up is from the command to the end of the first optimizer
step. Results are added to those in --out, so that pairs can be taken in short sittings; ratios are geometric means over
pairs, with a 95 % interval from Student's t of their logarithms.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import record

if TYPE_CHECKING:
    from distilray.train import WorkerContext

ARMS = ("ray", "torchrun", "trl")
COMMON: dict[str, Any] = {
    "student": "student", "max_steps": 80, "max_length": 256, "batch_size": 32, "micro_batch_size": 16,
    "learning_rate": 1e-3, "precision": "fp32", "log_every": 4, "save_every": 1000,
}  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = {
    "sft": COMMON | {"kind": "sft"},
    "dpo": COMMON | {"kind": "dpo", "reference_by": "live", "max_steps": 40, "learning_rate": 1e-4},
    "distill": COMMON | {"kind": "distill", "teacher": "teacher", "source": "live", "max_steps": 40},
}
T_95 = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Student's t for a two-sided 95 % interval, by degrees of freedom."""


def prepare(folder: Path, kind: str) -> None:
    """The student and the token files that all arms train on."""
    from distilray.storage import Store
    from distilray.train import parse_settings
    from distilray.train.data.tokens import tokenize_unit
    from tests.support.checkpoints import make_student
    from tests.support.pairs import pair_units, pairs
    from tests.support.specs import spec_of
    from tests.support.tiny import rows, write_units

    settings = parse_settings(SETTINGS[kind])
    student = make_student(folder / "student", hidden=192, layers=6)
    make_student(folder / "teacher", hidden=256, layers=8)
    store = Store(folder)
    units = pair_units(store, pairs(640)) if kind == "dpo" else write_units(store, rows(1280))
    paths = [f"tokens/unit-{number:06d}.parquet" for number in range(len(units))]
    for unit, path in zip(units, paths, strict=True):
        tokenize_unit(spec_of(store, settings, student), unit, path, "key")
    (folder / "tokens.json").write_text(json.dumps(paths))


def models(folder: Path) -> dict[str, Any]:
    """Those that trainings load in addition to the student."""
    from distilray.models import VLLMModel

    return {name: VLLMModel(path=str(folder / name)) for name in ("student", "teacher")}


def by_ray(folder: Path, kind: str, workers: int, started: float) -> dict[str, float]:
    import ray

    from distilray.storage import Store
    from distilray.train import TrainResources, fit, parse_settings, read_metrics
    from tests.support.specs import spec_of

    first: list[float] = []

    def on_progress(progress: Any) -> None:
        if not first and progress.step:
            first.append(time.time() - started)

    # One CPU a worker and two for Ray's own actors, which are asked for none but are placed like any other.
    ray.init(address="local", num_cpus=4, include_dashboard=False, object_store_memory=200 * 2**20, log_to_driver=False)
    store = Store(folder)
    resources = TrainResources(workers=workers, cpus_per_worker=1)
    paths = json.loads((folder / "tokens.json").read_text())
    out = f"ray-{time.time_ns()}"
    settings = parse_settings(SETTINGS[kind])
    more = {"resources": resources, "models": models(folder), "on_progress": on_progress}
    fit(spec_of(store, settings, str(folder / "student"), out, **more), paths)
    records = [record for record in read_metrics(store, out) if "loss" in record]
    ray.shutdown()
    return figures(records) | {"start_up_s": round(first[0], 2)}


def by_torchrun(folder: Path, kind: str, workers: int, stock: bool) -> None:
    """What torchrun starts in each process; ``stock``: TRL's own trainer and loss, given rows in the same order."""
    import torch
    from transformers import PrinterCallback
    from trl import SFTTrainer

    from distilray.train.loop.fixed_order import InOrder

    class Stock(SFTTrainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> InOrder:
            return InOrder(context.order)

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    context = context_of(folder, kind, workers)
    inputs = {"train_dataset": context.feed.train, "processing_class": context.tokenizer}
    trainer: Any = (
        Stock(model=context.model, args=context.arguments, **inputs) if stock else context.job.method.trainer(context)
    )
    trainer.remove_callback(PrinterCallback)
    records = timed(trainer, context, workers)
    if torch.distributed.get_rank() == 0:
        (folder / "records.json").write_text(json.dumps(records))
    torch.distributed.destroy_process_group()


def context_of(folder: Path, kind: str, workers: int) -> WorkerContext:
    """What a worker of the launcher has when it makes its trainer."""
    import torch
    from transformers import AutoTokenizer

    from distilray.storage import Store
    from distilray.train import TrainResources, parse_training
    from distilray.train.data.order import batch_order, total_steps
    from distilray.train.data.training_data import open_feed, write_feed
    from distilray.train.distributed import cpu, sharding
    from distilray.train.loop.arguments import common_arguments
    from distilray.train.loop.context import WorkerContext
    from distilray.train.loop.student import load_student
    from distilray.train.spec import Job

    method, settings = parse_training(SETTINGS[kind])
    resources = TrainResources(workers=workers, cpus_per_worker=1)
    job = Job(
        store=Store(folder), out="torchrun", tokens=json.loads((folder / "tokens.json").read_text()), method=method,
        settings=settings, resources=resources, student_path=str(folder / "student"), models=models(folder),
        board=None, token=os.environ["TORCHELASTIC_RUN_ID"],  # type: ignore[arg-type]
    )  # fmt: skip
    if torch.distributed.get_rank() == 0:
        write_feed(job.store, job.tokens, os.path.join(job.scratch, "feed"), holdout=0.0, pack_to=None)
    torch.distributed.barrier()
    feed = open_feed(os.path.join(job.scratch, "feed"), packed=False)
    steps = total_steps(len(feed.lengths), settings.batch_size, epochs=None, max_steps=settings.max_steps)
    order = batch_order(feed.lengths, steps, settings.batch_size, seed=settings.seed, by_length=True)
    arguments = method.arguments(settings, common_arguments(job, steps, True))
    sharding.keep_precision(arguments, settings)
    cpu.before_trainer(settings.sharding, workers)
    model = load_student(job.student_path, settings, True, method, method.head(job))
    return WorkerContext(job, arguments, model, AutoTokenizer.from_pretrained(job.student_path), feed, order, None)


def timed(trainer: Any, context: WorkerContext, workers: int) -> list[dict[str, float]]:
    """Trains, and returns a record for every logged step: its loss, tokens so far and when it was done."""
    import numpy as np
    from transformers import TrainerCallback

    from distilray.train.distributed import sharding

    batches = context.feed.lengths[context.order].reshape(-1, context.job.settings.batch_size)
    tokens_at = np.concatenate([[0], batches.sum(1).cumsum()])
    records: list[dict[str, float]] = []

    class Clock(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            if workers > 1:
                sharding.assert_sharded(trainer.model, workers)
            self.begun = time.monotonic()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if "loss" in logs:
                at = {"step": state.global_step, "loss": logs["loss"], "tokens": int(tokens_at[state.global_step])}
                records.append(at | {"seconds": time.monotonic() - self.begun, "at": time.time()})

    trainer.add_callback(Clock())
    trainer.train()
    return records


def figures(records: list[dict[str, float]]) -> dict[str, float]:
    first, last = records[len(records) // 4], records[-1]
    whole = (last["tokens"] - records[0]["tokens"]) / (last["seconds"] - records[0]["seconds"])
    tokens, seconds = last["tokens"] - first["tokens"], last["seconds"] - first["seconds"]
    rate, loss = round(tokens / seconds, 1), round(last["loss"], 5)
    return {"tokens_per_s": rate, "tokens_per_s_from_first": round(whole, 1), "loss_last": loss}


def measure(arm: str, kind: str, workers: int, folder: Path) -> dict[str, float]:
    started = time.time()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}
    inner = ["-m", "benchmarks.training_overhead", "--inside", arm, "--kind", kind, "--workers", str(workers)]
    inner += ["--folder", str(folder), "--started", str(started)]
    torchrun = ["-m", "torch.distributed.run", f"--nproc_per_node={workers}", f"--rdzv-id={time.time_ns()}"]
    torchrun += ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0"]
    command = [sys.executable, *([] if arm == "ray" else torchrun), *inner]
    done = subprocess.run(command, cwd=record.ROOT, env=environment, capture_output=True, text=True, timeout=560)
    if done.returncode:
        raise SystemExit(f"{arm} failed\n{done.stderr[-3000:]}")
    whole = round(time.time() - started, 2)
    if arm == "ray":
        return json.loads(done.stdout.splitlines()[-1]) | {"whole_s": whole}
    records = json.loads((folder / "records.json").read_text())
    return figures(records) | {"start_up_s": round(records[0]["at"] - started, 2), "whole_s": whole}


def ratio(pairs: list[dict[str, Any]], above: str, below: str, figure: str) -> dict[str, Any]:
    """Geometric mean of above/below over the pairs, with its 95 % interval."""
    logs = [math.log(pair[above][figure] / pair[below][figure]) for pair in pairs]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return {"ratio": round(math.exp(mean), 4), "pairs": len(logs)}
    half = T_95[min(len(logs) - 1, max(T_95))] * statistics.stdev(logs) / math.sqrt(len(logs))
    low, high = (round(math.exp(mean + sign * half), 4) for sign in (-1, 1))
    return {"ratio": round(math.exp(mean), 4), "interval_95": [low, high], "pairs": len(logs)}


def summary(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for figure in ("tokens_per_s", "tokens_per_s_from_first", "start_up_s"):
        found[figure] = {
            arm: statistics.median(pair[arm][figure] for pair in pairs if arm in pair)
            for arm in ARMS
            if any(arm in pair for pair in pairs)
        }
        for other in ARMS[1:]:
            both = [pair for pair in pairs if "ray" in pair and other in pair]
            if both:
                found[f"ray/{other}, {figure}"] = ratio(both, "ray", other, figure)
    return found


def main() -> None:
    parser = record.command_line(__doc__, "training_overhead_KIND.json")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--kind", choices=list(SETTINGS), default="sft")
    parser.add_argument("--workers", type=int, default=2, help="1 leaves Ray's own processes a core of two")
    parser.add_argument("--arms", nargs="+", choices=ARMS, help="default: all that the kind has")
    parser.add_argument("--inside", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    parser.set_defaults(out=None)
    options = parser.parse_args()
    if options.inside == "ray":
        print(json.dumps(by_ray(options.folder, options.kind, options.workers, options.started)))
    elif options.inside:
        by_torchrun(options.folder, options.kind, options.workers, stock=options.inside == "trl")
    else:
        arms = options.arms or [arm for arm in ARMS if options.kind == "sft" or arm != "trl"]
        name = options.kind if options.workers == 2 else f"{options.kind}_{options.workers}_worker"
        out = options.out or record.RESULTS / f"training_overhead_{name}.json"
        record.share_imports()
        take(options.pairs, options.kind, options.workers, arms, out)


def take(pairs: int, kind: str, workers: int, arms: list[str], out: Path) -> None:
    known = record.earlier(out, "pairs") or []
    settings = SETTINGS[kind] | {"workers": workers, "sharding": "fsdp", "model": "Qwen2, 192 x 6 layers"}
    with tempfile.TemporaryDirectory(prefix="distilray-bench-") as scratch:
        prepare(Path(scratch), kind)
        for _ in range(pairs):
            order = arms if len(known) % 2 == 0 else arms[::-1]  # drift of the machine favours no arm
            pair: dict[str, Any] = {"load_before": round(os.getloadavg()[0], 2)}
            for arm in order:
                pair[arm] = measure(arm, kind, workers, Path(scratch))
            known.append(pair)
            record.write(out, {"settings": settings, "summary": summary(known), "pairs": known})
            print(json.dumps(pair), flush=True)
    print(json.dumps(summary(known), indent=1))


if __name__ == "__main__":
    main()
