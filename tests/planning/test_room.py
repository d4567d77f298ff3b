"""Models that are resident together have fewer engines where they would not fit."""

from __future__ import annotations

import pytest

import distilray as dr
from distilray.models import EchoModel, ModelSettings, Replicas, VLLMModel
from distilray.planning import Available, Nodes, evaluated, fit_together, plan, with_room
from distilray.recipe import RecipeError, load_recipe
from distilray.runner import Resources
from tests.support.paths import RECIPES

BOX = Available(96, 8)


def model(gpus: int, **settings) -> VLLMModel:
    return VLLMModel(path="a/b", gpus=gpus, tensor_parallel=gpus, **settings)


def numbers(available: Available, **models: ModelSettings) -> dict[str, int]:
    return {name: found.least_replicas for name, found in with_room(models, Resources(), available).items()}


def test_models_that_fit_stay_as_they_are() -> None:
    models = {"student": model(1, replicas=4), "judge": model(4)}
    assert with_room(models, Resources(), BOX) == models


def test_the_model_that_holds_most_gives_way_first() -> None:
    assert numbers(BOX, student=model(1, replicas=8), judge=model(4, replicas=2)) == {"student": 4, "judge": 1}
    assert numbers(BOX, student=model(1, replicas=Replicas(min=8, max=9)), judge=model(2)) == {"student": 6, "judge": 1}
    assert numbers(Available(4, 0), echo=EchoModel(cpus=2, replicas=9)) == {"echo": 1}


def test_one_engine_of_each_is_left_where_nothing_helps() -> None:
    assert numbers(BOX, student=model(8, replicas=2), judge=model(8)) == {"student": 1, "judge": 1}


def test_an_autoscaler_whose_nodes_are_not_known_may_bring_room_for_all() -> None:
    models = {"student": model(1, replicas=8), "judge": model(4, replicas=2)}
    assert with_room(models, Resources(), Available(4, 0, autoscales=True)) == models
    known = Available(4, 0, autoscales=True, may_join=(Nodes(1, 96, 8),))
    assert numbers(known, **models) == {"student": 4, "judge": 1}


def test_the_judged_benchmarks_of_a_recipe_for_one_box_fit_on_it() -> None:
    recipe = load_recipe(str(RECIPES / "answer-and-sft.yaml"))
    asked = [models for _, _, models in evaluated(recipe)]
    assert not all(fit_together(models, recipe.resources, BOX) for models in asked)
    assert all(fit_together(with_room(models, recipe.resources, BOX), recipe.resources, BOX) for models in asked)


def test_a_judge_that_fits_beside_no_student_is_refused_by_the_plan() -> None:
    recipe = dr.Recipe(
        models={"student": EchoModel(cpus=1), "judge": EchoModel(cpus=3.5)},
        sources=[dr.Source(name="s", path="s.jsonl")],
        steps=[dr.steps.Answer(model="student")],
        evaluate=[{"kind": "alpaca_eval", "judge": "judge", "models": ["student"]}],
    )
    plan(recipe, "s", Available(8, 0))
    with pytest.raises(RecipeError, match=r"alpaca_eval of student: student, judge cannot fit together.*4\.5 CPUs"):
        plan(recipe, "s", Available(4, 0))
