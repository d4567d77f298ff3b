"""The variants of every world differ from their controls in what they claim, and in no amount of training."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import distilray as dr
from benchmarks import ds3_claim, kd_claim, own_claim, selection_claim, style_claim
from benchmarks.claims.evaluation import GREEDY, SAMPLED
from benchmarks.claims.problems import write_records
from benchmarks.claims.sitting import Sitting
from benchmarks.claims.world import Variant, World

PROGRAMS: list[ModuleType] = [ds3_claim, kd_claim, style_claim, own_claim, selection_claim]
WORLDS: dict[str, World] = {world.name: world for world in (program.world(program.Sizes()) for program in PROGRAMS)}
EVERY = [(world, name) for world in WORLDS.values() for name in world.variants]
COMPARED = [(world, name, other) for world, name in EVERY for other in world.variants[name].controls]
COST = ("batch_size", "micro_batch_size", "max_length", "schedule", "warmup", "precision", "betas", "weight_decay")


def ids(value: Any) -> str:
    return value.name if isinstance(value, World) else str(value)


def rows_seen(variant: Variant) -> int:
    return sum((settings.max_steps or 0) * settings.batch_size for settings in variant.trainings)


@pytest.mark.parametrize(("world", "name", "other"), COMPARED, ids=ids)
def test_a_control_has_the_same_start_and_as_many_steps_of_as_many_rows(world: World, name: str, other: str):
    variant, control = world.variants[name], world.variants[other]
    assert variant.start == control.start
    assert variant.steps == control.steps > 0
    assert rows_seen(variant) == rows_seen(control)
    for settings in variant.trainings:
        for setting in COST:
            assert getattr(settings, setting) == getattr(control.trainings[-1], setting), setting


@pytest.mark.parametrize(("world", "name"), EVERY, ids=ids)
def test_a_start_comes_before_what_continues_it(world: World, name: str):
    order, variant = list(world.variants), world.variants[name]
    assert all(order.index(other) < order.index(name) for other in variant.others)
    assert variant.rows is None or variant.rows in world.rows
    assert variant.ranked is None or variant.ranked in world.rows
    assert (variant.rows is None) == (not variant.trainings)


@pytest.mark.parametrize(("world", "name"), EVERY, ids=ids)
def test_every_cell_is_a_recipe_with_the_seed_in_all_its_parts(world: World, name: str, tmp_path: Path):
    sitting, variant = Sitting(world, tmp_path, seed=2), world.variants[name]
    if variant.rows is not None:
        write_records(tmp_path / "seed-2" / "rows" / f"{variant.rows}.jsonl", [])
    recipe = sitting.recipe(variant, world.student)
    assert {entry.settings.seed for entry in recipe.train} <= {2} and recipe.seed == 2
    assert [benchmark.name for benchmark in recipe.evaluate] == [GREEDY, SAMPLED]
    asked = {model for benchmark in recipe.evaluate for model in benchmark.models}
    assert asked == {"student_after" if variant.trainings else "student"}
    assert dr.Recipe.from_document(recipe.document(), "again") == recipe


@pytest.mark.parametrize("name", ["style", "own"])
def test_the_rate_of_a_preference_is_its_controls(name: str):
    world = WORLDS[name]
    for one, other in ((a, b) for w, a, b in COMPARED if w is world):
        rates = {world.variants[variant].trainings[-1].learning_rate for variant in (one, other)}
        assert len(rates) == 1, (one, other)


@pytest.mark.parametrize(("world", "most"), [(WORLDS["kd"], 3), (WORLDS["style"], 1), (WORLDS["own"], 1)], ids=ids)
def test_preferences_pass_over_their_pairs_a_few_times_at_most(world: World, most: int):
    program = next(program for program in PROGRAMS if program.__name__.endswith(f"{world.name}_claim"))
    pairs = program.Sizes().pairs
    found = [
        variant for variant in world.variants.values() if variant.trainings and variant.trainings[-1].kind == "dpo"
    ]
    assert found and all(rows_seen(variant) == most * pairs for variant in found)


def test_every_preparation_of_traces_takes_the_same_sft_steps_and_cogpo_comes_on_top():
    world = WORLDS["ds3"]
    assert {world.variants[name].steps for name in ("raw", "right", "shortened", "aligned")} == {300}
    on_top = [name for name, variant in world.variants.items() if variant.start == "aligned"]
    assert on_top == ["aligned+sft", "aligned+sft_1e-3", "aligned+cogpo"]
    assert {world.variants[name].steps for name in on_top} == {60}


def test_cogpo_s_controls_have_its_betas_in_the_mean(tmp_path: Path):
    world = WORLDS["style"]
    betas = dr.steps.Betas()
    [mean] = world.variants["mean_beta"].trainings
    assert isinstance(mean, dr.train.DPOSettings)
    assert mean.beta == pytest.approx((betas.small + betas.medium + betas.large) / 3) and not mean.row_beta
    assert world.variants["cogpo"].trainings == world.variants["shuffled_beta"].trainings
    sitting = Sitting(world, tmp_path, seed=1)
    gaps = [{"chosen": str(k), "beta": (0.05, 0.1, 0.2)[k % 3]} for k in range(30)]
    write_records(tmp_path / "seed-1" / "rows" / "gaps.jsonl", gaps)
    dealt = sitting.records("shuffled")
    assert [pair["chosen"] for pair in dealt] == [pair["chosen"] for pair in gaps]
    assert sorted(pair["beta"] for pair in dealt) == sorted(pair["beta"] for pair in gaps)
    assert [pair["beta"] for pair in dealt] != [pair["beta"] for pair in gaps]


def test_every_gap_of_a_problem_or_none_is_trained_on(tmp_path: Path):
    sizes = style_claim.Sizes(pairs=6, held_pairs=1)
    sitting = Sitting(WORLDS["style"], tmp_path, seed=1)
    children = [
        {"parent": f"{problem}", "messages": [{"role": "user", "content": f"{problem}?"}], "gap": gap, "beta": beta}
        for problem, gaps in enumerate(["sml", "s", "sml", "s", "s", "s", "sml", "sml", "sml"])
        for gap, beta in (("small", 0.05), ("medium", 0.1), ("large", 0.2))
        if gap[0] in gaps
    ]
    rows = tmp_path / "seed-1" / "rows"
    write_records(rows / "children.jsonl", children)
    small = style_claim.small(sitting, sizes)
    assert [pair["parent"] for pair in small] == list("0123456")
    write_records(rows / "held_pairs.jsonl", small[sizes.pairs :])
    assert [pair["parent"] for pair in style_claim.all_gaps(sitting, sizes)] == list("000222")
    with pytest.raises(RuntimeError, match="4 problems with all gaps, and 5 are needed"):
        style_claim.all_gaps(sitting, style_claim.Sizes(pairs=15))
    with pytest.raises(RuntimeError, match="9 pairs of the small gap, and 1448 are needed"):
        style_claim.small(sitting, style_claim.Sizes())


def test_every_selection_of_rows_takes_the_same_steps_after_the_same_start():
    world = WORLDS["selection"]
    continued = [name for name, variant in world.variants.items() if variant.start == "start"]
    assert continued == ["random", "judged", "selected", "random+follow_up", "selected+follow_up"]
    assert {world.variants[name].steps for name in continued} == {96}
    select, balance = selection_claim.harder(selection_claim.Sizes())
    assert (select.by, select.share) == ("difficulty", 0.6)
    assert (balance.languages, balance.rows) == (("en", "zh"), 512)
