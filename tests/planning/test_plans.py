"""The plan: phases hold consecutive steps whose models fit together; what cannot fit is refused."""

from __future__ import annotations

import pytest

from distilray.planning import Available, Nodes, not_there_yet, plan
from distilray.recipe import RecipeError, parse

RECIPE = """
models:
  teacher: {kind: echo, cpus: 1}
  judge: {kind: echo, cpus: 1}
sources:
  - {name: rows, path: rows.jsonl}
steps:
  - answer: {model: teacher}
  - check
  - judge: {model: judge}
  - select: {by: score, top: 5}
resources: {runners: 1}
"""


def stages(cpus: float, text: str = RECIPE, *overrides: str) -> list[str]:
    return [stage.name for stage in plan(parse(text, "r.yaml", overrides), "s", Available(cpus, 0)).stages]


def test_models_that_fit_together_share_a_phase():
    assert stages(4) == ["01-answer+check+judge", "02-select"]


def test_models_that_do_not_fit_together_get_a_phase_each():
    assert stages(2) == ["01-answer+check", "02-judge", "03-select"]


def test_a_model_that_cannot_fit_is_refused_with_what_is_needed():
    with pytest.raises(RecipeError, match="cannot fit.*need 1 CPU and.*there are 1 CPU and"):
        stages(1)


EMPTY = Available(0, 0, autoscales=True)
"""A cluster of which only the head is up."""
GPUS = RECIPE.replace("{kind: echo, cpus: 1}", "{path: a/b, gpus: 4, tensor_parallel: 4}", 1)


def waits(text: str, available: Available, *overrides: str) -> list[str]:
    recipe = parse(text, "r.yaml", overrides)
    phases = {phase.name: phase.models for phase in plan(recipe, "s", available).phases()}
    return not_there_yet(phases, recipe.resources, available)


def test_what_an_autoscaler_may_bring_is_not_there_yet():
    assert not waits(RECIPE, Available(4, 0, autoscales=True))
    with pytest.raises(RecipeError, match="cannot fit"):
        waits(GPUS, Available(4, 0))
    answer, judge = waits(GPUS, EMPTY)
    assert "01-answer+check needs 1.25 CPUs and 4 GPUs, which are not there yet: there are 0 CPUs" in answer
    assert "whether it can bring them is not known" in answer and "02-judge" in judge


def test_what_no_node_that_may_join_can_hold_can_never_fit():
    large = Available(0, 0, autoscales=True, may_join=(Nodes(2, 32, 8, "H100"),))
    [both] = waits(GPUS, large)
    assert "the autoscaler may bring 2 nodes with 32 CPUs and 8 GPUs (H100)" in both
    small = Available(0, 0, autoscales=True, may_join=(Nodes(8, 32, 2),))
    with pytest.raises(RecipeError, match="cannot fit: .*may bring 8 nodes with 32 CPUs and 2 GPUs; lower"):
        waits(GPUS, small)
    with pytest.raises(RecipeError, match="cannot fit"):
        waits(GPUS, large, "models.teacher.accelerator_type=L4")
    with pytest.raises(RecipeError, match="cannot fit"):
        waits(GPUS, large, "models.teacher.replicas=5")


def test_a_pool_that_may_grow_must_fit_with_its_least_engines():
    grows = ["models.teacher.replicas={min: 1, max: 64}"]
    assert [stage.name for stage in plan(parse(RECIPE, "r.yaml", grows), "s", Available(4, 0)).stages] == stages(4)
    with pytest.raises(RecipeError, match="cannot fit"):
        stages(4, RECIPE, "models.teacher.replicas=64")


def test_a_piece_of_an_engine_must_fit_on_one_node():
    spread = Available(8, 0, there=(Nodes(4, 2),))
    assert plan(parse(RECIPE, "r.yaml", ["models.teacher.cpus=2"]), "s", spread).stages
    with pytest.raises(RecipeError, match=r"cannot fit.*there are 8 CPUs and 0 GPUs \(4 nodes with 2 CPUs\)"):
        plan(parse(RECIPE, "r.yaml", ["models.teacher.cpus=3"]), "s", spread)


def test_one_model_in_two_roles_is_resident_once():
    text = RECIPE.replace("judge: {model: judge}", "judge: {model: teacher}")
    assert stages(2, text) == ["01-answer+check+judge", "02-select"]


def test_a_resumed_run_keeps_its_phases_on_a_bigger_cluster():
    loaded = parse(RECIPE, "r.yaml")
    small = plan(loaded, "s", Available(2, 0))
    again = plan(loaded, "s", Available(64, 0), small.grouping)
    assert [stage.directory for stage in again.stages] == [stage.directory for stage in small.stages]


def fingerprints(*overrides: str) -> dict[str, str]:
    found = plan(parse(RECIPE, "r.yaml", overrides), "s", Available(2, 0))
    return {stage.name: stage.fingerprint for stage in found.flat()}


def test_a_changed_step_changes_itself_and_what_follows_and_nothing_else():
    before, after = fingerprints(), fingerprints("models.judge.tokens=9")
    assert before["01-answer+check"] == after["01-answer+check"]
    assert before["02-judge"] != after["02-judge"]
    assert before["03-select"] != after["03-select"]


def test_more_replicas_change_nothing_of_what_is_done():
    assert fingerprints() == fingerprints("models.judge.latency_s=0", "resources.runners=1")
