"""The plan: phases hold consecutive steps whose models fit together; what cannot fit is refused."""

from __future__ import annotations

import pytest

from distilray.planning import Available, plan
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
