"""Trainings against the machines they are planned for: what cannot fit is refused with what would."""

from __future__ import annotations

import json

import pytest

from distilray.planning import Available, needs_as_json, parse_machines, plan, training_needs
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


def test_a_machine_has_memory_and_storage_of_its_own() -> None:
    assumed, given = parse_machines("2x8x80"), parse_machines("2x8x80,host=1500,storage=2.5")
    assert (assumed.nodes, assumed.host_gib, assumed.storage_gb_s) == (2, 1280, 1.0)
    assert (given.nodes, given.host_gib, given.storage_gb_s) == (2, 1500, 2.5)


def test_a_gpu_that_is_large_enough_does_not_help_a_machine_that_is_not() -> None:
    refusal = (
        r"'sft' cannot fit: a machine needs about 634\.\d GiB of its own memory \(processes 24, loading 122\.05, "
        r"offloaded 488\.2\d, exporting 61\.03\) and has 500\.0 GiB\. What would fit: offload: false"
    )
    with pytest.raises(RecipeError, match=refusal):
        planned("8x80,host=500", "train.0.offload=true")
    assert planned("8x80,host=700", "train.0.offload=true").stages == ()


def test_more_machines_share_what_is_offloaded() -> None:
    changes = ("train.0.offload=true", "train.0.resources.workers=16")
    one = training_needs(parse(RECIPE, "r.yaml", changes[:1]), parse_machines("8x80"))[0].host
    two = training_needs(parse(RECIPE, "r.yaml", changes), parse_machines("2x8x80"))[0].host
    assert one is not None and two is not None
    assert two.offloaded == pytest.approx(one.offloaded / 2, rel=1e-6)
    assert two.loading == one.loading


def test_weights_that_every_worker_reads_are_offered_to_be_sharded() -> None:
    changes = ("train.0.sharding=ddp", "models.student.path=Qwen/Qwen2.5-7B")
    with pytest.raises(RecipeError, match=r"a machine needs about 251.* What would fit: sharding: fsdp \("):
        planned("8x192,host=200", *changes)


def test_a_live_reference_is_offered_to_be_cached() -> None:
    changes = ("train.0.kind=dpo", "train.0.reference_by=live")
    with pytest.raises(RecipeError, match=r"What would fit: reference_by: workers \("):
        planned("8x90", *changes)
    with pytest.raises(RecipeError, match=r"own memory .* What would fit: reference_by: workers \("):
        planned("8x141,host=200", *changes)


def test_where_no_setting_helps_the_refusal_says_so() -> None:
    with pytest.raises(RecipeError, match="No setting of this training makes it fit"):
        planned("8x80,host=20")


def test_the_needs_are_written_as_json() -> None:
    found = needs_as_json(parse(RECIPE, "r.yaml"), parse_machines("8x80,storage=2"))
    assert found["machines"] == {"nodes": 1, "gpus": 8, "gpu_gib": 80, "host_gib": 1280, "storage_gb_s": 2}
    (training,) = found["trainings"]
    assert json.loads(json.dumps(training)) == training
    assert training["fits"] and training["would_fit"] == {}
    assert training["host_gib"]["loading"] == 122.05 and training["host_room_gib"] == 1280
    assert training["files_gb"]["checkpoint"] == 393.17 and training["files_gb"]["checkpoint_s"] == 196.6
    assert training["files_gb"]["export"] == training["files_gb"]["read"] == 65.53


@pytest.mark.parametrize("text", ["", "8", "0x80", "8*80", "axb", "8x80,host=0", "8x80,disk=3", "8x80,host", "8x80,"])
def test_any_other_text_is_not_a_machine_spec(text: str) -> None:
    with pytest.raises(ValueError, match="is not a machine spec; write GPUs x GiB"):
        parse_machines(text)
