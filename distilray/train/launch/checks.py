"""Whether a training can run at all: packages, worker counts and shared attention, checked before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from distilray.checkpoints import read_student
from distilray.train.errors import CannotTrain
from distilray.train.settings import TrainSettings, worker_counts
from distilray.train.spec import TrainingSpec


def check_training(spec: TrainingSpec) -> None:
    """Raises :class:`CannotTrain` with the first reason why the training cannot run."""
    settings, resources = spec.settings, spec.resources
    student = read_student(spec.student_path)
    check_extras(settings)
    check_shared_attention(student.config, resources.sequence_parallel, settings.student)
    try:
        worker_counts(settings, resources)
    except ValueError as error:
        raise CannotTrain(str(error)) from error


def check_extras(settings: TrainSettings) -> None:
    """Raises :class:`CannotTrain` that names the setting, the package it needs and the extra that installs it."""
    needed = [(f"report_to: [{name}]", name, name) for name in settings.report_to]
    if settings.lora is not None and settings.lora.quantize:
        needed.append((f"lora.quantize: {settings.lora.quantize}", "bitsandbytes", "qlora"))
    if settings.attention == "flash_attention_2" and find_spec("flash_attn") is None:
        raise CannotTrain(
            f"train {settings.name!r}: attention: flash_attention_2 needs the package flash-attn, which is not "
            "installed; install it with: pip install flash-attn --no-build-isolation, or set attention: sdpa"
        )
    for setting, package, extra in needed:
        if find_spec(package) is None:
            raise CannotTrain(
                f"train {settings.name!r}: {setting} needs the package {package}, which is not installed; "
                f"install it with: pip install 'distilray[{extra}]'"
            )


def check_shared_attention(config: Mapping[str, Any], size: int, student: str) -> None:
    """Raises :class:`CannotTrain` if the attention of a model with this ``config.json`` cannot be shared by ``size``
    workers."""
    if size == 1:
        return
    heads = config.get("num_attention_heads")
    if heads is None or heads % size:
        raise CannotTrain(
            f"student {student!r}: {heads} attention heads cannot be shared by sequence_parallel {size} workers; use "
            f"a divisor of {heads}"
        )
    windows = config.get("use_sliding_window", config.get("sliding_window") is not None)
    if windows or "sliding_attention" in (config.get("layer_types") or ()):
        raise CannotTrain(
            f"student {student!r}: sliding-window attention layers cannot be shared by workers; set "
            "sequence_parallel: 1"
        )
