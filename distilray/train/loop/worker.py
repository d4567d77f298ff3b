"""What every training process does: read tokens, shard the student, train, and export the result."""

from __future__ import annotations

import os
from dataclasses import replace

import ray.train
import torch
from transformers import AutoTokenizer, PrinterCallback, Trainer

from distilray.checkpoints import local_student, read_student
from distilray.storage import download_folder
from distilray.train import scratch
from distilray.train.data.training_data import TrainingData, open_feed, write_feed
from distilray.train.distributed import cpu, sharding
from distilray.train.distributed.sequence import SequenceGroup, sequence_group, split_attention
from distilray.train.errors import CannotTrain, StopTraining
from distilray.train.loop import checkpoints
from distilray.train.loop.arguments import common_arguments
from distilray.train.loop.best import KeepBest, export_best
from distilray.train.loop.callbacks import EarlyStop, Sharded, StopAt
from distilray.train.loop.compiling import check_compiler, compile_blocks
from distilray.train.loop.context import WorkerContext
from distilray.train.loop.export import export_student
from distilray.train.loop.generation import HeldOutAnswers
from distilray.train.loop.metrics import DEVICE
from distilray.train.loop.reporting import Reporting
from distilray.train.loop.steps import Steps, Work, steps_of
from distilray.train.loop.student import adapters, load_student, repeated_blocks
from distilray.train.memory.flops import device_peak
from distilray.train.spec import Job


def train(job: Job) -> None:
    """Runs in each worker, inside the process group that Ray Train has made."""
    resources = job.resources.with_workers(ray.train.get_context().get_world_size())  # maybe fewer than requested
    job = replace(job, student_path=local_student(job.student_path), resources=resources)
    if resources.gpus_per_worker == 0:
        torch.set_num_threads(max(1, int(resources.cpus_per_worker)))
    with scratch.held(job.scratch, first=ray.train.get_context().get_local_rank() == 0):
        _clear(job)
        job.method.prepare_in_workers(job)
        feed = _feed(job)
        steps = steps_of(job, feed)
        context = _context(job, feed, steps)
        group = _sequence_group(context)
        trainer = job.method.trainer(context)
        if group is not None:
            trainer.slice_rows(group)
        reporting = _reporting(job, feed, steps)
        _add_callbacks(trainer, context, steps.stop, reporting)
        _train(job, trainer, reporting)
        job.method.finish_in_workers(job, trainer)
        _export(job, trainer)


def _clear(job: Job) -> None:
    """Removes what killed workers of this launch have left of a checkpoint; nobody resumes before that."""
    if ray.train.get_context().get_world_rank() == 0:
        folder = f"{job.out}/checkpoints"
        checkpoints.clear_rest(job.store, folder, keep=checkpoints.newest(job.store, folder))
    torch.distributed.barrier()


def _context(job: Job, feed: TrainingData, steps: Steps) -> WorkerContext:
    settings, method, on_cpu = job.settings, job.method, job.resources.gpus_per_worker == 0
    if settings.compile and on_cpu:
        check_compiler(settings.name)
    arguments = method.arguments(settings, common_arguments(job, steps.total, on_cpu))
    sharding.keep_precision(arguments, settings)
    if on_cpu:
        cpu.before_trainer(settings.sharding, job.resources.workers)
    model = load_student(job.student_path, settings, on_cpu, method, method.head(job))
    if settings.compile:
        compile_blocks(model, repeated_blocks(job.student_path, method))
    return WorkerContext(
        job=job,
        arguments=arguments,
        model=model,
        tokenizer=AutoTokenizer.from_pretrained(job.student_path),
        feed=feed,
        order=steps.order,
        adapters=adapters(settings, method),
    )


def _add_callbacks(trainer: Trainer, context: WorkerContext, stop: int, reporting: Reporting) -> None:
    """Reports, checks and early stops, alike for all methods."""
    job, settings, workers = context.job, context.job.settings, context.job.resources.workers
    trainer.remove_callback(PrinterCallback)  # records go to metrics.jsonl
    if settings.generate is not None and job.method.is_generative:
        trainer.answers = HeldOutAnswers(trainer, job, context.tokenizer)
        reporting.names = {**reporting.names, "right": "right", "answer_tokens": "answer_tokens"}
    trainer.add_callback(reporting)
    trainer.reshards = settings.sharding == "fsdp"
    if settings.patience is not None:
        trainer.add_callback(EarlyStop(settings.patience))
    if job.step_range is None and (settings.patience or settings.generate):  # a round ends where the next one goes on
        trainer.add_callback(KeepBest(trainer, job))
    if settings.sharding == "fsdp" and workers > 1:
        trainer.add_callback(Sharded(trainer, workers))
    if job.step_range:
        trainer.add_callback(StopAt(stop))


def _sequence_group(context: WorkerContext) -> SequenceGroup | None:
    """The workers that share rows with this one, whose student then attends over all their tokens."""
    size = context.job.resources.sequence_parallel
    if size == 1:
        return None
    group = sequence_group(size)
    split_attention(context.model, group)
    return group


def _reporting(job: Job, feed: TrainingData, steps: Steps) -> Reporting:
    config = read_student(job.student_path).config
    try:
        work = Work.of(config, job.settings.lora, steps, head=job.method.is_generative)
    except KeyError:  # not a dense transformer: no MFU
        work = None
    peak = device_peak(job.resources.peak_tflops, job.resources.gpus_per_worker == 0) if work is not None else None
    if peak is not None and ray.train.get_context().get_world_rank() == 0:
        job.store.write_json(f"{job.out}/{DEVICE}", {"peak_tflops": round(peak.tflops, 3), "peak": peak.name})
    return Reporting(job, steps.tokens_at, len(feed.lengths), work, peak)


def _feed(job: Job) -> TrainingData:
    folder, pack_to = os.path.join(job.scratch, "feed"), job.method.pack_to(job.settings)
    if ray.train.get_context().get_local_rank() == 0:
        os.makedirs(folder, exist_ok=True)
        with job.method.joins(job, folder) as join:
            write_feed(job.store, job.tokens, folder, holdout=job.settings.holdout, pack_to=pack_to, join=join)
    torch.distributed.barrier()
    return open_feed(folder, packed=pack_to is not None)


def _train(job: Job, trainer: Trainer, reporting: Reporting) -> None:
    resume = checkpoints.newest(job.store, f"{job.out}/checkpoints")
    if job.step_range and checkpoints.step_of_path(resume) < job.step_range.start:
        raise CannotTrain(
            f"train {job.settings.name!r}: its checkpoint of step {job.step_range.start}, from which this round "
            f"continues, is missing or damaged; delete {job.out} in the run to start it again"
        )
    try:
        trainer.train(resume_from_checkpoint=None if resume is None else _on_this_node(job, resume))
    except StopTraining:
        reporting.uploads.wait()  # what a session with other settings continues from
        raise


def _on_this_node(job: Job, checkpoint: str) -> str:
    """A local folder with the files of ``checkpoint`` (a path in the store), fetched once for all workers here."""
    if job.store.local:
        return job.store.full(checkpoint)
    folder = os.path.join(job.scratch, "resumed")
    if ray.train.get_context().get_local_rank() == 0:
        download_folder(job.store, checkpoint, folder)
    torch.distributed.barrier()
    return folder


def _export(job: Job, trainer: Trainer) -> None:
    """The student of the best evaluation, where one was kept, or of the last step."""
    found = [ray.train.get_context().get_world_rank() == 0 and export_best(job)]
    torch.distributed.broadcast_object_list(found)
    if not found[0]:
        export_student(trainer, job, job.final)
    torch.distributed.barrier()
    if ray.train.get_context().get_local_rank() == 0:
        scratch.remove(job.scratch)
