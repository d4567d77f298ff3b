"""Launches a training on Ray Train and stays with it until its checkpoint is there."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
import uuid
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from distilray.checkpoints import read_student
from distilray.ledger import Manifest, now
from distilray.models import VLLMModel
from distilray.storage import Store
from distilray.train.errors import CannotTrain, TrainingFailed
from distilray.train.launch.extras import check_extras
from distilray.train.launch.shared_attention import check_shared_attention
from distilray.train.loop import checkpoints
from distilray.train.loop.metrics import DEVICE, read_metrics
from distilray.train.loop.progress import OnProgress, ProgressBoard, TrainProgress
from distilray.train.methods.registry import method_of
from distilray.train.settings import TrainResources, TrainSettings, worker_counts

if TYPE_CHECKING:
    from ray.actor import ActorHandle

    from distilray.train.launch.job import StepRange

LOOK_EVERY_S = 0.5
RESTARTS = 3
"""Times that killed workers are replaced, each time from the last whole checkpoint."""


def fit(
    store: Store,
    tokens: list[str],
    settings: TrainSettings,
    student_path: str,
    out: str,
    resources: TrainResources,
    on_progress: OnProgress | None = None,
    *,
    fingerprint: str = "",
    models: Mapping[str, VLLMModel] | None = None,
) -> Manifest:
    """Trains the student at ``student_path`` on the token files ``tokens``; both ``tokens`` and ``out`` are paths in
    ``store``. Leaves ``out/final`` (a Hugging Face checkpoint), ``out/metrics.jsonl``, ``out/tensorboard`` and the
    stage's manifest. ``models``: those that the kind of training loads beside the student.

    Called again it goes on: from the last whole checkpoint after a kill, and not at all where the training is done.
    Raises :class:`CannotTrain` for what can be known before it starts, :class:`TrainingFailed` when it fails for good.
    """
    student = read_student(student_path)
    check_extras(settings)
    if resources.sequence_parallel > 1:
        check_shared_attention(student.config, resources.sequence_parallel, settings.student)
    if not tokens:
        raise CannotTrain(f"train {settings.name!r}: there are no token files to train on")
    try:
        worker_counts(settings, resources)
    except ValueError as error:
        raise CannotTrain(str(error)) from error
    manifest = Manifest.read(store, out) or Manifest(
        name=settings.name, kind="training", fingerprint=fingerprint, started=now()
    )
    if manifest.finished:
        return manifest
    manifest.write(store, out)
    began = time.monotonic()
    launch(store, tokens, settings, student_path, out, resources, on_progress, models or {})
    manifest.seconds += time.monotonic() - began
    return finish(store, manifest, settings, out, resources)


def finish(store: Store, manifest: Manifest, settings: TrainSettings, out: str, resources: TrainResources) -> Manifest:
    """Says that the training in ``out`` is done and what it came to; checkpoints to resume from go."""
    manifest.finished = now()
    manifest.versions = {name: version(name) for name in ("torch", "ray", "trl", "transformers", "accelerate")}
    own = method_of(settings).details(store, out)
    manifest.details = {**manifest.details, **_details(store, settings, out, resources), **own}
    manifest.write(store, out)
    store.delete_dir(f"{out}/checkpoints")
    return manifest


def launch(
    store: Store,
    tokens: list[str],
    settings: TrainSettings,
    student_path: str,
    out: str,
    resources: TrainResources,
    on_progress: OnProgress | None,
    models: Mapping[str, VLLMModel],
    step_range: StepRange | None = None,
) -> None:
    """One group of workers trains up to the end, or through ``step_range``; killed ones are replaced."""
    import ray
    from ray.train import CheckpointConfig, FailureConfig, LoggingConfig, RunConfig, ScalingConfig
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from distilray.train.distributed import cpu
    from distilray.train.distributed.elastic import ElasticTrainer
    from distilray.train.launch.job import Job, enter

    folder = f"{out}/checkpoints"
    checkpoints.clear_rest(store, folder, keep=checkpoints.newest(store, folder))
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    board = ray.remote(num_cpus=0, scheduling_strategy=here)(ProgressBoard).remote()  # a lost node does not take it
    gpus = resources.gpus_per_worker
    job = Job(store, out, tokens, settings, resources, student_path, board, models, step_range, uuid.uuid4().hex[:12])
    counts = worker_counts(settings, resources)
    trainer = ElasticTrainer(
        enter,
        worker_counts=counts,
        train_loop_config={"job": job},
        scaling_config=ScalingConfig(
            num_workers=(counts[0], counts[-1]) if resources.elastic else resources.workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": resources.cpus_per_worker, **({"GPU": gpus} if gpus else {})},
        ),
        run_config=RunConfig(
            name="checkpoints",
            storage_path=store.full(out),
            storage_filesystem=store.filesystem,
            failure_config=FailureConfig(max_failures=RESTARTS),
            checkpoint_config=CheckpointConfig(num_to_keep=settings.save_total_limit),
            worker_runtime_env={"env_vars": _environment(settings, resources, cpu)},
            logging_config=LoggingConfig(log_level="WARNING"),
        ),
    )
    try:
        _follow(trainer, board, settings.name, on_progress)
    finally:
        ray.kill(board)


def _environment(settings: TrainSettings, resources: TrainResources, cpu: Any) -> dict[str, str]:
    common = {
        "OMP_NUM_THREADS": str(max(1, int(resources.cpus_per_worker))),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",  # TRL's trainers would tell its makers
    }
    return common if resources.gpus_per_worker else {**common, **cpu.worker_environment(settings.sharding)}


def _follow(trainer: Any, board: ActorHandle, name: str, on_progress: OnProgress | None) -> None:
    """Runs ``trainer`` beside this thread, which stays free for progress and for Ctrl-C."""
    import ray

    failure: list[BaseException] = []

    def run() -> None:
        try:
            trainer.fit()
        except BaseException as error:  # handed to the thread that waits
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True, name=f"train-{name}")
    thread.start()
    shown: dict[str, Any] | None = None
    while thread.is_alive():
        thread.join(LOOK_EVERY_S)
        newest = ray.get(board.look.remote())
        if on_progress is not None and newest is not None and newest != shown:
            shown = newest
            on_progress(_progress(name, newest))
    if failure:
        raise TrainingFailed.because(name, failure[0]) from failure[0]
    stopped = ray.get(board.why_stopped.remote())
    if stopped is not None:
        raise TrainingFailed(f"train {name!r} stopped: {stopped}. What was trained up to the last checkpoint is kept")


def _progress(name: str, record: dict[str, Any]) -> TrainProgress:
    return TrainProgress(
        name=name,
        step=record["step"],
        steps=record["steps"],
        loss=record["loss"],
        tokens_per_second=record["tokens_per_second"] or 0.0,
        eta_s=record["eta_s"],
        stage=record["stage"],
        learning_rate=record["learning_rate"],
        grad_norm=record["grad_norm"],
        mfu=record["mfu"],
        memory_gib=record["memory_gib"],
    )


def _details(store: Store, settings: TrainSettings, out: str, resources: TrainResources) -> dict[str, Any]:
    written = read_metrics(store, out)
    records = [record for record in written if "loss" in record]
    held_out = [record["held_out_loss"] for record in written if "held_out_loss" in record]
    last = records[-1]
    counts = [record.get("workers", resources.workers) for record in records]
    return {
        "checkpoint": f"{out}/final",
        "kind": settings.kind,
        "sharding": settings.sharding,
        "workers": counts[-1],
        "worker_counts": [count for count, _ in itertools.groupby(counts)],
        "steps": last["step"],
        "epochs": last["epoch"],
        "tokens": last["tokens"],
        "loss_first": records[0]["loss"],
        "loss_last": last["loss"],
        "tokens_per_second": round(last["tokens"] / last["seconds"], 1),
        "step_seconds": last["seconds"],
        "memory_gib": max(record["memory_gib"] for record in records),
        "mfu": _median([record["mfu"] for record in records if record.get("mfu") is not None]),
        **(store.read_json(f"{out}/{DEVICE}") if store.exists(f"{out}/{DEVICE}") else {}),
        "held_out_loss": min(held_out, default=None),
        "system": settings.system,
        "think": settings.think,
    }


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 4) if values else None
