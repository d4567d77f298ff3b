"""Launches a training on Ray Train and follows it until its checkpoint exists."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from distilray.ledger import Manifest, now
from distilray.train.distributed import cpu
from distilray.train.errors import CannotTrain, TrainingFailed
from distilray.train.launch.checks import check_training
from distilray.train.launch.details import details
from distilray.train.launch.entry import enter
from distilray.train.loop import checkpoints
from distilray.train.progress import OnProgress, ProgressBoard, TrainProgress, keep_warning
from distilray.train.scratch import remove
from distilray.train.settings import worker_counts
from distilray.train.spec import Job, StepRange, TrainingSpec

if TYPE_CHECKING:
    from ray.actor import ActorHandle

logger = logging.getLogger(__name__)
BACKENDS = "cpu:gloo,cuda:nccl"
"""Of workers with GPUs: what is offloaded to the host's memory, such as gradients to clip, is reduced there."""
LOOK_EVERY_S = 0.5
REMOVING_S = 10.0
RESTARTS = 3
"""Times that killed workers are replaced, each time from the last whole checkpoint."""


def fit(spec: TrainingSpec, tokens: list[str]) -> Manifest:
    """Trains the student on the token files ``tokens`` (paths in ``spec.store``), in one launch. Writes
    ``spec.out/final`` (a Hugging Face checkpoint), ``metrics.jsonl``, ``tensorboard`` and the stage's manifest.

    Called again it continues: from the last whole checkpoint after a kill; a finished training is not repeated.
    Raises :class:`CannotTrain` for problems found before it starts, :class:`TrainingFailed` when it fails for good.
    """
    check_training(spec)
    if not tokens:
        raise CannotTrain(f"train {spec.settings.name!r}: there are no token files to train on")
    manifest = begin(spec)
    if manifest.finished:
        return manifest
    began = time.monotonic()
    launch(spec, tokens)
    manifest.seconds += time.monotonic() - began
    return finish(spec, manifest)


def begin(spec: TrainingSpec) -> Manifest:
    """The manifest of the training in ``spec.out``, which is written there unless the training is done."""
    manifest = Manifest.read(spec.store, spec.out) or Manifest(
        name=spec.settings.name, kind="training", fingerprint=spec.fingerprint, started=now()
    )
    if not manifest.finished:
        manifest.write(spec.store, spec.out)
    return manifest


def finish(spec: TrainingSpec, manifest: Manifest) -> Manifest:
    """Records that the training is done and its results; checkpoints to resume from are removed."""
    manifest.finished = now()
    manifest.versions = {name: version(name) for name in ("torch", "ray", "trl", "transformers", "accelerate")}
    manifest.details = {**manifest.details, **details(spec)}
    manifest.write(spec.store, spec.out)
    for folder in ("checkpoints", "best"):
        spec.store.delete_dir(f"{spec.out}/{folder}")
    return manifest


def warn(spec: TrainingSpec, texts: Sequence[str]) -> None:
    """Logs ``texts`` and keeps them with the training, each once."""
    for text in texts:
        if keep_warning(spec.store, spec.out, text):
            logger.warning("train %r: %s", spec.settings.name, text)


def launch(spec: TrainingSpec, tokens: list[str], step_range: StepRange | None = None) -> None:
    """One group of workers trains up to the end, or through ``step_range``; killed ones are replaced."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    if spec.engines.make_room is not None:
        spec.engines.make_room()
    folder = f"{spec.out}/checkpoints"
    checkpoints.clear_rest(spec.store, folder, keep=checkpoints.newest(spec.store, folder))
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    board = ray.remote(num_cpus=0, scheduling_strategy=here)(ProgressBoard).remote()  # a lost node does not take it
    job = Job.of(spec, tokens, board, step_range)
    try:
        _follow(_trainer(job), board, spec.settings.name, spec.on_progress)
    finally:
        ray.kill(board)
        _remove_scratch(job.scratch)


def _remove_scratch(folder: str) -> None:
    """On every node: workers that were killed for good have left it there. What cannot be removed now, the next
    training on that node removes."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    removing = []
    for node in ray.nodes():
        if node["Alive"]:
            there: Any = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            removing.append(ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(remove).remote(folder))
    ray.wait(removing, num_returns=len(removing), timeout=REMOVING_S)


def _trainer(job: Job) -> Any:
    """Ray Train's trainer, with as many workers as there may be."""
    from ray.train import FailureConfig, LoggingConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig

    from distilray.train.distributed.elastic import ElasticTrainer

    settings, resources = job.settings, job.resources
    counts, gpus = worker_counts(settings, resources), resources.gpus_per_worker
    return ElasticTrainer(
        enter,
        worker_counts=counts,
        train_loop_config={"job": job},
        torch_config=TorchConfig(backend=BACKENDS if gpus else "gloo", timeout_s=resources.timeout_s),
        scaling_config=ScalingConfig(
            num_workers=(counts[0], counts[-1]) if resources.elastic else resources.workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": resources.cpus_per_worker, **({"GPU": gpus} if gpus else {})},
        ),
        run_config=RunConfig(
            name="checkpoints",
            storage_path=job.store.full(job.out),
            storage_filesystem=job.store.filesystem,
            failure_config=FailureConfig(max_failures=RESTARTS),
            worker_runtime_env={"env_vars": _environment(job)},
            logging_config=LoggingConfig(log_level="WARNING"),
        ),
    )


def _environment(job: Job) -> dict[str, str]:
    common = {
        "OMP_NUM_THREADS": str(max(1, int(job.resources.cpus_per_worker))),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",  # TRL's trainers would tell its makers
    }
    if job.resources.gpus_per_worker:
        # Rows of many lengths leave gaps between segments of fixed size, which nothing else fits into.
        return {**common, "PYTORCH_ALLOC_CONF": "expandable_segments:True"}
    return {**common, **cpu.worker_environment(job.settings.sharding)}


def _follow(trainer: Any, board: ActorHandle, name: str, on_progress: OnProgress | None) -> None:
    """Runs ``trainer`` in another thread, so that this one can handle progress and Ctrl-C."""
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
    warned = 0
    while thread.is_alive():
        thread.join(LOOK_EVERY_S)
        newest = ray.get(board.look.remote())
        if on_progress is not None and newest is not None and newest != shown:
            shown = newest
            on_progress(TrainProgress.of(name, newest))
        warned = _warn(name, ray.get(board.warnings.remote()), warned)
    _warn(name, ray.get(board.warnings.remote()), warned)
    if failure:
        raise TrainingFailed.because(name, failure[0]) from failure[0]
    stopped = ray.get(board.why_stopped.remote())
    if stopped is not None:
        raise TrainingFailed(f"train {name!r} stopped: {stopped}. Checkpoints up to the last one are kept")


def _warn(name: str, said: list[str], before: int) -> int:
    """Logs what the workers warned of since the first ``before`` warnings; returns how many there are."""
    for text in said[before:]:
        logger.warning("train %r: %s", name, text)
    return len(said)
