"""Trainings against the machines they are planned for: what cannot fit is refused with what would."""

from __future__ import annotations

import pytest

from distilray.planning import Available, parse_machines, plan, training_needs
from distilray.recipe import RecipeError, parse

RECIPE = """
models:
  student: {path: Qwen/Qwen2.5-32B}
  teacher: {path: Qwen/Qwen2.5-72B}
sources:
  - {name: rows, path: rows.jsonl}
train:
  - kind: sft
    student: student
    epochs: 1
    max_length: 4096
    micro_batch_size: 1
    activation_checkpointing: true
    resources: {workers: 8, gpus_per_worker: 1}
"""


def planned(machines: str, *overrides: str):
    return plan(parse(RECIPE, "r.yaml", overrides), "s", parse_machines(machines))


def test_a_training_that_fits_is_planned() -> None:
    assert planned("8x80").stages == ()


def test_what_cannot_fit_is_refused_with_what_would() -> None:
    with pytest.raises(RecipeError, match=r"cannot fit: each worker needs about .* has 40\.0 GiB.*would fit: .*lora"):
        planned("8x40")


def test_more_nodes_make_it_fit() -> None:
    four_nodes = ("train.0.resources.workers=32",)
    assert training_needs(parse(RECIPE, "r.yaml", four_nodes), parse_machines("4x8x40"))[0].fits


def test_more_workers_than_gpus_are_refused() -> None:
    with pytest.raises(RecipeError, match="8 workers need 8 CPUs and 8 GPUs.*4 GPUs"):
        planned("4x80")


def test_cpu_workers_share_the_memory() -> None:
    loaded = parse(RECIPE, "r.yaml", ["train.0.resources={workers: 2}"])
    with pytest.raises(RecipeError, match="share of the memory has 8.0 GiB"):
        plan(loaded, "s", Available(cpus=8, gpus=0, memory_gib=16))


def test_a_live_teacher_counts() -> None:
    changes = ("train.0.kind=distill", "train.0.teacher=teacher", "train.0.source=live")
    alone, taught = (
        training_needs(parse(RECIPE, "r.yaml", some), parse_machines("8x141"))[0].memory for some in ((), changes)
    )
    assert alone is not None and taught is not None
    assert taught.beside > 72e9 * 2 / 8


def test_an_unknown_student_is_neither_refused_nor_guessed() -> None:
    need = training_needs(parse(RECIPE, "r.yaml", ["models.student.path=some/model"]), parse_machines("1x1"))[0]
    assert need.memory is None and need.fits
    assert "no config.json on this machine" in need.unknown


@pytest.mark.parametrize(("text", "gpus", "gib"), [("8x80", 8, 80), ("2x8x141", 16, 141), ("1x24GB", 1, 24)])
def test_machines_are_read(text: str, gpus: int, gib: float) -> None:
    read = parse_machines(text)
    assert (read.gpus, read.gpu_gib) == (gpus, gib)


@pytest.mark.parametrize("text", ["", "8", "0x80", "8*80", "axb"])
def test_any_other_text_is_not_a_machine_spec(text: str) -> None:
    with pytest.raises(ValueError, match="is not a machine spec; write GPUs x GiB"):
        parse_machines(text)
