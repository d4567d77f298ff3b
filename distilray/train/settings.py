"""The settings of a training; parsed once, trusted everywhere else.

    train:
      - kind: sft
        student: blank
        epochs: 3
        learning_rate: 2.0e-5
        batch_size: 64
        micro_batch_size: 8
        max_length: 4096

What all training methods have in common; each method adds its own. Nothing here imports torch or Ray, so that reading a
recipe stays fast.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from distilray import verifiers
from distilray.prompts import system_turn

Sharding = Literal["fsdp", "ddp", "zero2", "zero3"]
Attention = Literal["sdpa", "flash_attention_2", "flex_attention"]

LORA_RATE = 10
"""Adapters take about ten times the learning rate of all weights (Schulman et al. 2025, "LoRA Without Regret")."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
"""Valid names of trainings: a folder's name."""

IGNORED = -100
"""Label of a token that is not trained on."""


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def __hash__(self) -> int:  # pydantic's own does not accept settings that are mappings
        return hash(self.model_dump_json())


class LearnSettings(Settings):
    """Learn the part of a model in one of the recipe's steps, from its requests and replies in this run.

    learn: {step: align_trace, prompts: [shorten_trace, extend_trace]}
    """

    step: str = Field(description="name of the step, as the recipe has it")
    prompts: tuple[str, ...] = Field(default=(), description="only these of the step's prompts; default: all")


class LoraSettings(Settings):
    """Train low-rank adapters on top of frozen weights (Hu et al. 2021, through peft)."""

    r: int = Field(default=16, ge=1, description="rank of the adapters")
    alpha: float = Field(default=32.0, gt=0, description="adapters are scaled by alpha / r")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout on the adapters' input")
    targets: Literal["all-linear"] | tuple[str, ...] = Field(
        default="all-linear", description="modules that get an adapter"
    )
    quantize: Literal["nf4"] | None = Field(
        default=None,
        description="nf4 holds the frozen weights in 4 bits (QLoRA, through bitsandbytes): the extra `qlora`",
    )
    merge: bool = Field(default=True, description="export one merged checkpoint; false exports the adapter alone")


class GenerationSettings(Settings):
    """At each evaluation the student answers held-out prompts, and its answers are verified.

    generate: {prompts: 64, verifier: numeric}
    """

    prompts: int = Field(default=32, ge=1, description="held-out rows that the student answers at each evaluation")
    max_tokens: int = Field(default=512, ge=1, description="most tokens of an answer; longer ones are wrong")
    verifier: Annotated[str, verifiers.comparison()] = Field(
        default="math", description=f"how results are compared with those of the rows' answers: {verifiers.COMPARISONS}"
    )


class TrainResources(Settings):
    """What a training may use; one worker is one process, with its own GPU where there are GPUs."""

    workers: int = Field(default=1, ge=1, description="training processes; weights are sharded over all of them")
    min_workers: int | None = Field(
        default=None,
        ge=1,
        description="fewest workers to start or continue with when not all fit; default: workers",
    )
    sequence_parallel: int = Field(
        default=1, ge=1, description="workers that share every row, each with its part of the tokens: for long traces"
    )
    gpus_per_worker: float = Field(default=0, ge=0, le=1, description="GPUs of one worker; 0 trains on CPUs over gloo")
    cpus_per_worker: float = Field(default=1, gt=0, description="CPUs of one worker; on CPUs also its threads")
    peak_tflops: float | None = Field(
        default=None,
        gt=0,
        description="peak TFLOP/s of one worker's device, for MFU; default: its data sheet, measured on CPUs",
    )
    timeout_s: int = Field(
        default=7200,
        ge=60,
        description="seconds that workers wait for each other before they are restarted from the last checkpoint",
    )

    @model_validator(mode="after")
    def _no_more_than_all(self) -> TrainResources:
        if self.min_workers is not None and self.min_workers > self.workers:
            raise ValueError(f"min_workers {self.min_workers} is more than workers {self.workers}")
        for name, workers in (("workers", self.workers), ("min_workers", self.fewest)):
            if workers % self.sequence_parallel:
                raise ValueError(
                    f"{name} {workers} is not a multiple of sequence_parallel {self.sequence_parallel}, the number of "
                    "workers that share a row"
                )
        return self

    @property
    def groups(self) -> int:
        """Groups of workers that process different rows; without sequence_parallel each worker is its own group."""
        return self.workers // self.sequence_parallel

    @property
    def fewest(self) -> int:
        """The fewest workers that a training continues with."""
        return self.workers if self.min_workers is None else self.min_workers

    @property
    def elastic(self) -> bool:
        return self.fewest < self.workers

    def with_workers(self, workers: int) -> TrainResources:
        """These resources with exactly ``workers`` workers."""
        return self.model_copy(update={"workers": workers, "min_workers": None})


class TrainSettings(Settings):
    """What all training methods have in common."""

    kind: str = Field(description="the training method: sft, dpo, ...")
    uses: str | None = Field(default=None, description="a method of your own, in place of kind: package.module:Class")
    name: str = Field(pattern=NAME, description="folder below training/")
    student: str = Field(description="name of the model to start from, as the recipe defines it")
    start_from: str | tuple[str, str] | None = Field(
        default=None,
        description="an earlier training whose result to start from; in a repeat also its own (the round before), "
        "or [its own, where the first round starts]",
    )
    system: Annotated[str, AfterValidator(system_turn)] | None = Field(
        default=None,
        description="the student's system prompt, here and wherever it answers; preset:NAME: a published student's",
    )
    think: bool = Field(
        default=False, description="train on the row's reasoning too, in a <think> block before the answer"
    )
    rows: str = Field(description="which rows to train on: a condition over their columns, in SQL")

    epochs: float | None = Field(default=None, gt=0, description="passes over the rows; this or max_steps")
    max_steps: int | None = Field(default=None, ge=1, description="optimizer steps; this or epochs")
    learning_rate: float = Field(
        default=2e-5, gt=0, description="peak learning rate of AdamW; with lora the default is ten times as much"
    )
    schedule: Literal["cosine", "linear", "constant", "wsd"] = Field(
        default="cosine",
        description="learning rate schedule after warm-up; wsd stays at the peak until it decays at the end",
    )
    min_lr_ratio: float = Field(
        default=0.0, ge=0, lt=1, description="share of the peak rate that cosine and wsd end at"
    )
    decay: float = Field(default=0.1, gt=0, le=1, description="share of all steps in which wsd decays")
    warmup: float = Field(default=0.03, ge=0, description="warm-up steps; below 1 a share of all steps")
    weight_decay: float = Field(default=0.0, ge=0, description="decoupled weight decay; biases and norms are exempt")
    betas: tuple[float, float] = Field(default=(0.9, 0.95), description="AdamW's decay rates")
    max_grad_norm: float = Field(default=1.0, ge=0, description="gradients are clipped to this norm; 0 does not clip")
    batch_size: int = Field(default=64, ge=1, description="rows of one optimizer step over all workers")
    micro_batch_size: int = Field(
        default=8, ge=1, description="most rows that one worker passes through the model at once"
    )
    max_length: int = Field(default=2048, ge=8, description="most tokens of one row, prompt and answer together")
    long_rows: Literal["reject", "truncate"] = Field(
        default="reject", description="what happens to rows above max_length"
    )

    sharding: Sharding = Field(default="fsdp", description="fsdp (FSDP2), ddp, or DeepSpeed's zero2 and zero3")
    precision: Literal["bf16", "fp32"] = Field(default="bf16", description="bf16 computes in bf16 over fp32 masters")
    attention: Attention = Field(
        default="sdpa",
        description="kernels of the attention: sdpa (PyTorch's); on GPUs also flash_attention_2 (the package "
        "flash-attn) and flex_attention",
    )
    activation_checkpointing: bool = Field(
        default=False, description="recompute activations: less memory, 1/3 more work"
    )
    compile: bool = Field(
        default=False,
        description="compile the student's repeated blocks (torch.compile): on GPUs 1.2 to 1.35 times as fast; the "
        "first steps take some 20 seconds more",
    )
    offload: bool = Field(
        default=False,
        description="keep weights, gradients and moments in the host's memory: fsdp, zero2 and zero3 on GPUs",
    )
    lora: LoraSettings | None = Field(default=None, description="train adapters instead of all weights")

    save_every: int = Field(
        default=200, ge=1, description="steps between checkpoints that a killed training resumes from"
    )
    save_total_limit: int = Field(
        default=2, ge=1, description="checkpoints to keep while training; removed when it is done"
    )
    log_every: int = Field(default=10, ge=1, description="steps between lines of metrics.jsonl")
    report_to: tuple[Literal["wandb", "mlflow"], ...] = Field(
        default=(),
        description="experiment trackers to report to besides metrics.jsonl; each needs the extra of its name",
    )
    evaluate_every: int | None = Field(default=None, ge=1, description="steps between losses on held-out rows")
    holdout: float = Field(default=0.0, ge=0, lt=1, description="share of the rows held out of training, chosen by id")
    generate: GenerationSettings | None = Field(
        default=None,
        description="verify the student's answers to held-out prompts too; the best student by them is exported",
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        description="stop when the held-out loss has not fallen (with generate: no more answers are right) for so many "
        "evaluations, and export the best student",
    )
    group_by_length: bool = Field(
        default=True, description="batches of rows of like length: less padding, random order kept"
    )
    seed: int = Field(default=0, ge=0, description="seeds the order of the rows, the adapters and dropout")

    @model_validator(mode="before")
    @classmethod
    def _defaults_by_choice(cls, values: Any) -> Any:
        return {**cls.defaults(values), **values} if isinstance(values, dict) else values

    @classmethod
    def defaults(cls, written: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults that depend on other settings, as a recipe has ``written`` them."""
        if written.get("lora") is None:
            return {}
        return {"learning_rate": LORA_RATE * cls.model_fields["learning_rate"].default}

    @model_validator(mode="after")
    def _how_long(self) -> TrainSettings:
        if (self.epochs is None) == (self.max_steps is None):
            raise ValueError("set either epochs or max_steps: how long to train")
        if (self.evaluate_every is None) != (self.holdout == 0):
            raise ValueError("evaluate_every and holdout go together: rows to evaluate on, and how often")
        if self.patience is not None and self.evaluate_every is None:
            raise ValueError("patience counts evaluations: set evaluate_every and holdout too")
        if self.generate is not None and self.evaluate_every is None:
            raise ValueError("generate answers held-out prompts at each evaluation: set evaluate_every and holdout too")
        if self.min_lr_ratio and self.schedule not in ("cosine", "wsd"):
            raise ValueError(f"min_lr_ratio needs schedule: cosine or wsd, not {self.schedule}")
        if self.offload and self.sharding == "ddp":
            raise ValueError("offload needs sharding: fsdp, zero2 or zero3; ddp keeps everything on the GPU")
        if self.lora is not None and self.lora.quantize and self.sharding != "ddp":
            raise ValueError("lora.quantize needs sharding: ddp; weights in 4 bits are not sharded")
        if self.attention == "flash_attention_2" and self.precision == "fp32":
            raise ValueError("attention: flash_attention_2 computes in bf16: set precision: bf16, or attention: sdpa")
        if self.compile and (self.sharding.startswith("zero") or (self.lora is not None and self.lora.quantize)):
            with_it = f"sharding: {self.sharding}" if self.sharding.startswith("zero") else "lora.quantize"
            raise ValueError(f"compile does not go with {with_it}; set compile: false, or sharding: fsdp or ddp")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """With ``kind`` or ``uses``, whichever names the method, as recipes write it."""
        values = dump(self)
        values.pop("uses" if self.uses is None else "kind", None)
        return values

    @property
    def starts(self) -> tuple[str, ...]:
        """The names in ``start_from``; the first that has a result counts."""
        named = self.start_from
        return (named,) if isinstance(named, str) else named or ()

    @property
    def demonstrations(self) -> LearnSettings | None:
        """The step whose demonstrations are trained on; None: the rows' own answers."""
        return None

    @property
    def trained_turns(self) -> Literal["assistant", "answer"]:
        """Which turns have labels: all of the assistant's, or its last."""
        return "answer"

    @property
    def whole_rows(self) -> str | None:
        """Why a worker has to hold whole rows; None if it may hold a part of their tokens."""
        return f"kind: {self.kind}" if self.uses is None else f"uses: {self.uses}"

    def fingerprint(self, *others: object) -> str:
        """Changes when these settings or ``others`` change (16 hex digits)."""
        text = json.dumps([self.model_dump(mode="json"), *others], sort_keys=True, default=str)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def accumulation(settings: TrainSettings, workers: int) -> tuple[int, int]:
    """``(rows of a micro batch, micro batches of a step)`` of one worker, so that a step sees ``batch_size`` rows.
    Workers that share rows (``sequence_parallel``) count as one: see :attr:`TrainResources.groups`.

    The largest micro batch up to ``micro_batch_size`` that divides the worker's share is taken.
    Raises :class:`ValueError` where the workers cannot share a batch evenly.
    """
    share, rest = divmod(settings.batch_size, workers)
    if rest or not share:
        raise ValueError(
            f"train {settings.name!r}: batch_size {settings.batch_size} cannot be shared evenly by {workers} workers; "
            f"make it a multiple of {workers}"
        )
    micro = max(size for size in range(1, min(settings.micro_batch_size, share) + 1) if share % size == 0)
    return micro, share // micro


def worker_counts(settings: TrainSettings, resources: TrainResources) -> list[int]:
    """Numbers of workers that the training can run on, rising: those that share a batch evenly.

    Raises :class:`ValueError` where neither all workers nor the fewest of them can.
    """
    if resources.elastic and settings.sharding.startswith("zero"):
        raise ValueError(
            f"train {settings.name!r}: min_workers needs sharding: fsdp or ddp; a checkpoint of "
            f"{settings.sharding} can only be loaded by as many workers as wrote it"
        )
    if resources.sequence_parallel > 1 and (wrong := settings.whole_rows):
        raise ValueError(
            f"train {settings.name!r}: sequence_parallel shares the tokens of a row among workers, but {wrong} needs "
            "whole rows in one worker: set sequence_parallel: 1"
        )
    if resources.sequence_parallel > 1 and settings.holdout:
        raise ValueError(
            f"train {settings.name!r}: held-out losses are not supported where workers share rows; set holdout: 0 and "
            "evaluate_every: null, or sequence_parallel: 1"
        )
    if settings.attention != "sdpa" and resources.gpus_per_worker == 0:
        raise ValueError(
            f"train {settings.name!r}: attention: {settings.attention} needs GPUs, and gpus_per_worker is 0; set "
            "attention: sdpa"
        )
    if settings.attention != "sdpa" and resources.sequence_parallel > 1:
        raise ValueError(
            f"train {settings.name!r}: workers that share rows have an attention of their own; set attention: sdpa, "
            f"not {settings.attention}, or sequence_parallel: 1"
        )
    if settings.compile and resources.sequence_parallel > 1:
        raise ValueError(
            f"train {settings.name!r}: workers that share rows send tokens inside every block, which is not compiled; "
            "set compile: false, or sequence_parallel: 1"
        )
    share = resources.sequence_parallel
    for workers in {resources.workers, resources.fewest}:
        accumulation(settings, workers // share)
    numbers = range(resources.fewest, resources.workers + 1, share)
    return [workers for workers in numbers if settings.batch_size % (workers // share) == 0]
