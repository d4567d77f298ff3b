"""What every training process does: read tokens, shard the student, train, and export what came out."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from typing import Any

import numpy as np
import ray.train
import torch
import transformers
from ray.train import Checkpoint
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
)

from distilray.checkpoints import local_student, read_student
from distilray.storage import upload
from distilray.train.data.order import batch_order, total_steps
from distilray.train.data.training_data import TrainingData, open_feed, write_feed
from distilray.train.distributed import cpu, sharding
from distilray.train.distributed.sequence import SequenceGroup, sequence_group, split_attention
from distilray.train.errors import CannotTrain
from distilray.train.launch.job import Job
from distilray.train.launch.shared_attention import check_shared_attention
from distilray.train.loop import checkpoints
from distilray.train.loop.export import gathered_weights, write_checkpoint
from distilray.train.loop.metrics import DEVICE, read_metrics
from distilray.train.loop.reporting import Reporting
from distilray.train.memory.flops import device_peak, flops_per_token
from distilray.train.methods.base import TrainingMethod, WorkerContext
from distilray.train.methods.registry import method_of
from distilray.train.settings import TrainSettings, accumulation


def train(job: Job) -> None:
    """Runs in each worker, inside the process group that Ray Train has made."""
    resources = job.resources.with_workers(ray.train.get_context().get_world_size())  # fewer may have come than wanted
    job = replace(job, student_path=local_student(job.student_path), resources=resources)
    settings = job.settings
    on_cpu = resources.gpus_per_worker == 0
    if on_cpu:
        torch.set_num_threads(max(1, int(resources.cpus_per_worker)))
    kind = method_of(settings)
    kind.prepare(job)
    feed = _feed(job, kind)
    steps = total_steps(len(feed.lengths), settings.batch_size, epochs=settings.epochs, max_steps=settings.max_steps)
    start, stop = (job.step_range.start, job.step_range.stop) if job.step_range else (0, steps)
    order = batch_order(
        feed.lengths, stop - start, settings.batch_size, seed=settings.seed, by_length=settings.group_by_length
    )
    tokens_at = np.concatenate(
        [np.full(start + 1, _tokens_at(job, start)), feed.lengths[order].reshape(stop - start, -1).sum(1)]
    )
    tokens_at[start:] = tokens_at[start:].cumsum()
    # Steps of earlier rounds are passed over when a training goes on: any row stands for theirs.
    order = np.concatenate([np.zeros(start * settings.batch_size, np.int64), order])
    arguments = kind.arguments(settings, common_arguments(job, kind, steps, on_cpu))
    sharding.keep_precision(arguments, settings)
    if on_cpu:
        cpu.before_trainer(settings.sharding, resources.workers)
    session = WorkerContext(
        job=job,
        arguments=arguments,
        model=load_student(job.student_path, settings, on_cpu, kind, kind.head(job)),
        tokenizer=AutoTokenizer.from_pretrained(job.student_path),
        feed=feed,
        order=order,
        adapters=adapters(settings, kind),
    )
    group = _sequence_group(session)
    trainer = kind.trainer(session)
    if group is not None:
        trainer.slice_rows(group)
    trainer.remove_callback(PrinterCallback)  # records go to metrics.jsonl
    trainer.add_callback(_reporting(job, kind, feed, tokens_at, on_cpu))
    trainer.reshards = settings.sharding == "fsdp"
    if settings.patience is not None:
        trainer.add_callback(EarlyStop(settings.patience))
    if settings.sharding == "fsdp" and resources.workers > 1:
        trainer.add_callback(Sharded(trainer, resources.workers))
    if job.step_range:
        trainer.add_callback(StopAt(stop))
    _train(job, trainer)
    kind.after(job, trainer)
    _export(job, kind, trainer)


def _sequence_group(session: WorkerContext) -> SequenceGroup | None:
    """The workers that share rows with this one, whose student then attends over all their tokens."""
    job = session.job
    if job.resources.sequence_parallel == 1:
        return None
    config = read_student(job.student_path).config
    check_shared_attention(config, job.resources.sequence_parallel, job.settings.student)
    group = sequence_group(job.resources.sequence_parallel)
    split_attention(session.model, group)
    return group


def _reporting(job: Job, kind: TrainingMethod, feed: TrainingData, tokens_at: np.ndarray, on_cpu: bool) -> Reporting:
    settings, rows = job.settings, len(feed.lengths)
    config = read_student(job.student_path).config
    try:
        flops = flops_per_token(config, settings.lora, float(feed.lengths.mean()), head=kind.is_generative)
    except KeyError:  # not a dense transformer: no MFU
        flops = None
    peak = device_peak(job.resources.peak_tflops, on_cpu) if flops is not None else None
    if peak is not None and ray.train.get_context().get_world_rank() == 0:
        job.store.write_json(f"{job.out}/{DEVICE}", {"peak_tflops": round(peak.tflops, 3), "peak": peak.name})
    return Reporting(
        job.store, job.out, tokens_at, rows, settings.batch_size, job.board, kind.metrics, settings, flops, peak
    )


class EarlyStop(TrainerCallback):
    """Stops when the held-out loss has not fallen for ``patience`` evaluations; what it knows is in the trainer's own
    state, so that a resumed training stops where an undisturbed one does."""

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        losses = [record["eval_loss"] for record in state.log_history if "eval_loss" in record]
        if len(losses) - 1 - losses.index(min(losses)) >= self.patience:
            control.should_training_stop = True


class Sharded(TrainerCallback):
    """Checks once, when training begins, that FSDP has sharded the student: a silent DDP would not fit later."""

    def __init__(self, trainer: Trainer, workers: int) -> None:
        self.trainer, self.workers = trainer, workers

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        sharding.assert_sharded(self.trainer.model, self.workers)


class StopAt(TrainerCallback):
    """Ends a step_range of a training with a checkpoint, from which the next one goes on."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step >= self.step:
            control.should_save = control.should_log = control.should_training_stop = True


def _tokens_at(job: Job, step: int) -> int:
    """Tokens of all rows up to ``step``, as an earlier step_range recorded them."""
    records = [record for record in read_metrics(job.store, job.out) if record["step"] <= step and "tokens" in record]
    return records[-1]["tokens"] if records else 0


def _feed(job: Job, kind: TrainingMethod) -> TrainingData:
    folder, pack_to = os.path.join(job.scratch, "feed"), kind.pack_to(job.settings)
    if ray.train.get_context().get_local_rank() == 0:
        os.makedirs(folder, exist_ok=True)
        with kind.beside(job, folder) as join:
            write_feed(job.store, job.tokens, folder, holdout=job.settings.holdout, pack_to=pack_to, join=join)
    torch.distributed.barrier()
    return open_feed(folder, packed=pack_to is not None)


def common_arguments(job: Job, kind: TrainingMethod, steps: int, on_cpu: bool) -> dict[str, Any]:
    """What every kind of training tells transformers' trainer."""
    settings, workers = job.settings, job.resources.workers
    micro, accumulate = accumulation(settings, job.resources.groups)
    layers = _layers(job.student_path, kind)
    return dict(
        output_dir=os.path.join(job.scratch, "checkpoints"),
        max_steps=steps,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=1 if job.resources.sequence_parallel > 1 else micro,
        gradient_accumulation_steps=accumulate,
        learning_rate=settings.learning_rate,
        **schedule(settings, steps),
        warmup_steps=settings.warmup if settings.warmup < 1 else int(settings.warmup),
        weight_decay=settings.weight_decay,
        adam_beta1=settings.betas[0],
        adam_beta2=settings.betas[1],
        max_grad_norm=settings.max_grad_norm,
        bf16=settings.precision == "bf16",
        save_strategy="steps",
        save_steps=settings.save_every,
        save_total_limit=1,
        logging_strategy="steps",
        logging_steps=settings.log_every,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if settings.evaluate_every else "no",
        eval_steps=settings.evaluate_every,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=not on_cpu,
        seed=settings.seed,
        **sharding.arguments(settings, workers, layers),
        **(cpu.arguments(settings.sharding) if on_cpu else {}),
    )


def schedule(settings: TrainSettings, steps: int) -> dict[str, Any]:
    """transformers' words for the course of the learning rate."""
    names = {"constant": "constant_with_warmup", "wsd": "warmup_stable_decay"}
    known: dict[str, Any] = {"lr_scheduler_type": names.get(settings.schedule, settings.schedule)}
    if settings.schedule == "wsd":
        decay = {"num_decay_steps": max(1, round(settings.decay * steps)), "min_lr_ratio": settings.min_lr_ratio}
        known["lr_scheduler_kwargs"] = decay
    elif settings.schedule == "cosine" and settings.min_lr_ratio:
        known |= {
            "lr_scheduler_type": "cosine_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr_rate": settings.min_lr_ratio},
        }
    return known


def load_student(
    path: str, settings: TrainSettings, on_cpu: bool, kind: TrainingMethod, head: dict[str, Any]
) -> PreTrainedModel:
    """The student at the local ``path``: fp32 masters where its weights are trained; where adapters are, frozen weights
    in the precision of computing, or in 4 bits. ``head``: of :meth:`TrainingMethod.head`; what is new begins at random
    by seed, alike in all workers."""
    auto = getattr(transformers, kind.auto)
    if head:
        torch.manual_seed(settings.seed)
        head = {**head, "ignore_mismatched_sizes": True}  # a head for other labels gives way to a new one
    frozen = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    if settings.lora is None:
        return auto.from_pretrained(path, dtype=torch.float32, **head)
    if settings.lora.quantize is None:
        return auto.from_pretrained(path, dtype=frozen, **head)
    from transformers import BitsAndBytesConfig

    return auto.from_pretrained(
        path,
        dtype=frozen,
        **head,
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=frozen
        ),
        device_map={"": "cpu" if on_cpu else torch.cuda.current_device()},
    )


def _layers(student_path: str, kind: TrainingMethod) -> list[str]:
    """Classes of the model's repeated blocks, which FSDP shards one by one. Encoders also name their embeddings among
    what must not be split, but those are sharded by themselves."""
    from accelerate import init_empty_weights

    with init_empty_weights():
        model = getattr(transformers, kind.auto).from_config(AutoConfig.from_pretrained(student_path))
    stacked = {type(module[0]).__name__ for module in model.modules() if _is_stack(module)}
    return sorted(stacked & set(model._no_split_modules or ()) or stacked)


def _is_stack(module: torch.nn.Module) -> bool:
    """Whether it is a list of blocks of one class, as encoders hold their layers that name none themselves."""
    return isinstance(module, torch.nn.ModuleList) and len(module) > 0 and len({type(block) for block in module}) == 1


def adapters(settings: TrainSettings, kind: TrainingMethod) -> Any:
    """peft's settings of the adapters to train, or None."""
    if settings.lora is None:
        return None
    from peft import LoraConfig

    lora = settings.lora
    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    return LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets, task_type=kind.adapter_task
    )


def _train(job: Job, trainer: Trainer) -> None:
    resume = checkpoints.newest(job.store, f"{job.out}/checkpoints")
    if job.step_range and checkpoints.step_of_path(resume) < job.step_range.start:
        raise CannotTrain(
            f"train {job.settings.name!r}: its checkpoint of step {job.step_range.start}, from which this round goes "
            f"on, "
            f"is not there or damaged; delete {job.out} in the run to begin it again"
        )
    if resume is None:
        trainer.train()
        return
    with Checkpoint(job.store.full(resume), job.store.filesystem).as_directory() as folder:
        trainer.train(resume_from_checkpoint=folder)


def _export(job: Job, kind: TrainingMethod, trainer: Trainer) -> None:
    first = ray.train.get_context().get_world_rank() == 0
    weights = gathered_weights(trainer)
    if first:
        folder = os.path.join(job.scratch, f"final-{time.time_ns()}")
        write_checkpoint(trainer, weights, job.settings, job.student_path, folder, kind.auto, kind.head(job))
        upload(job.store, folder, job.final)
    torch.distributed.barrier()
    if ray.train.get_context().get_local_rank() == 0:
        shutil.rmtree(job.scratch)
