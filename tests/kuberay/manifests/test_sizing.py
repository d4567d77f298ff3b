"""Nodes by what a recipe's steps, trainings and benchmarks hold at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.kuberay import CannotRender, NodeGroup, RenderSettings
from distilray.kuberay.manifests.deadlines import deadline_s
from distilray.kuberay.manifests.demands import Piece
from distilray.kuberay.manifests.sizing import pack, sized
from distilray.recipe import Recipe, RecipeError, load_recipe, parse
from tests.support.paths import RECIPES

RECIPE = """
models:
  teacher: {path: a/b, gpus: 8, tensor_parallel: 8, replicas: TEACHERS, cpus: 4, accelerator_type: H100}
  judge: {path: c/d, gpus: 1, replicas: 4, accelerator_type: L4}
sources: [{name: rows, path: rows.jsonl}]
steps:
  - answer: {model: teacher}
  - judge: {model: judge}
"""


def recipe(teachers: str = "1", *overrides: str) -> Recipe:
    return parse(RECIPE.replace("TEACHERS", teachers), "r.yaml", overrides)


def groups(loaded: Recipe, **settings: object) -> dict[str, NodeGroup]:
    return {group.name: group for group in sized(loaded, RenderSettings(**settings)).groups}  # type: ignore[arg-type]


def bounds(found: dict[str, NodeGroup]) -> dict[str, tuple[int, int, int]]:
    return {name: (group.gpus, group.least, group.most) for name, group in found.items() if group.gpus}


def test_each_type_of_gpus_has_a_group() -> None:
    found = groups(recipe(), machines=("L4=2x2x24",))
    assert bounds(found) == {"gpu-h100-8": (8, 0, 1), "gpu-l4-2": (2, 0, 2)}
    assert (found["gpu-h100-8"].accelerator, found["gpu-l4-2"].accelerator) == ("H100", "L4")


def test_a_pool_that_may_grow_gives_the_most_nodes() -> None:
    assert bounds(groups(recipe("{min: 1, max: 64}")))["gpu-h100-8"] == (8, 0, 64)
    assert bounds(groups(recipe("{min: 1, max: 64}"), machines=("H100=4x8x80", "L4=8x24")))["gpu-h100-8"] == (8, 0, 4)


def test_engines_that_fill_what_is_there_find_it_there() -> None:
    assert bounds(groups(recipe("auto"), machines=("H100=4x8x80", "L4=8x24"))) == {
        "gpu-h100-8": (8, 4, 4), "gpu-l4-8": (8, 1, 1),
    }  # fmt: skip


def test_fixed_nodes_are_all_there() -> None:
    found = groups(recipe("2"), autoscale=False)
    assert bounds(found) == {"gpu-h100-8": (8, 2, 2), "gpu-l4-8": (8, 1, 1)}
    assert not sized(recipe("2"), RenderSettings(autoscale=False)).scales


def test_an_engine_that_no_node_holds_is_refused() -> None:
    with pytest.raises(RecipeError, match="step 'answer' cannot fit.*lower"):
        groups(recipe(), machines=("H100=2x4x80",))


def test_a_type_that_the_recipe_does_not_name_is_refused() -> None:
    with pytest.raises(CannotRender, match="--machines: B200: the recipe asks for H100, L4 as accelerator_type"):
        groups(recipe(), machines=("B200=8x180",))


def test_without_gpus_the_nodes_are_as_small_as_the_recipe() -> None:
    found = sized(load_recipe(str(RECIPES / "quickstart.yaml")), RenderSettings())
    [cpu] = found.groups
    assert (cpu.name, cpu.cpus, cpu.least, cpu.most) == ("cpu", 4, 1, 1)
    assert 16 <= cpu.memory_gib <= 32 and not found.scales


def test_many_cpus_are_divided_among_nodes() -> None:
    text = "models: {teacher: {kind: echo, cpus: 3, replicas: 12}}\nsources: [{name: rows, path: rows.jsonl}]\n"
    loaded = parse(f"{text}steps: [{{answer: {{model: teacher}}}}]\n", "r.yaml")
    [cpu] = sized(loaded, RenderSettings(cpu_node="8x32")).groups
    assert (cpu.cpus, cpu.least, cpu.memory_gib) == (8, 1, 32) and cpu.most >= 6


def test_pieces_are_packed_largest_first() -> None:
    pieces = [Piece(1, gpus, "", 1.0) for gpus in (1, 4, 2, 4, 4, 1)]
    nodes = pack(pieces, 8, lambda piece: piece.gpus)
    assert [(node.free, node.cpus) for node in nodes] == [(0, 2), (0, 4)]


def test_a_deadline_is_twice_what_is_expected_and_more() -> None:
    loaded = load_recipe(str(RECIPES / "answer-and-sft.yaml"))
    found = sized(loaded, RenderSettings())
    short, long = deadline_s(loaded, found, 10), deadline_s(loaded, found, 110)
    assert long - short == 2 * 100 * 3600
    assert short > 2 * 10 * 3600 and short % 3600 == 0


def test_a_large_training_needs_memory_for_its_files(tmp_path: Path) -> None:
    text = "models: {student: {path: Qwen/Qwen2.5-32B, gpus: 1}}\nsources: [{name: rows, path: rows.jsonl}]\n"
    train = (
        "train: [{kind: sft, student: student, epochs: 1, micro_batch_size: 1, activation_checkpointing: true,"
        " resources: {workers: 16, gpus_per_worker: 1, cpus_per_worker: 6}}]\n"
    )
    gpus = groups(parse(text + train, "r.yaml"), machines=("2x8x80,host=1500",))["gpu-8"]
    assert gpus.most == 2 and gpus.cpus == 49
    assert 128 < gpus.memory_gib <= 1500 and gpus.scratch_gib > 500
