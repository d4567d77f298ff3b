"""The recipes of the second post parse, and their steps stand in an order that works."""

from __future__ import annotations

import pytest

from distilray.recipe import RecipeError, load_recipe
from tests.support.paths import RECIPES


def test_the_practice_twin_parses_with_its_checkpoints() -> None:
    loaded = load_recipe(str(RECIPES / "practice_ds3.yaml"))
    assert [entry.name for entry in loaded.all_steps()] == ["align_trace", "cognitive_pairs", "inline_trace"]
    assert [(entry.settings.kind, entry.settings.start_from) for entry in loaded.train] == [
        ("sft", None),
        ("dpo", "sft"),
    ]


@pytest.mark.slow  # engine settings are checked against vLLM's own, which takes seconds to import
@pytest.mark.parametrize("name", ["distilqwen2_5_ds3", "distilqwen2_5_r1"])
def test_a_real_recipe_parses_before_any_weights_are_here(name: str) -> None:
    loaded = load_recipe(str(RECIPES / f"{name}.yaml"))
    teacher = loaded.models["teacher"]
    assert len(teacher.bundles()) == 16  # a bundle for every worker, so that two nodes can share one teacher


@pytest.mark.slow
@pytest.mark.parametrize("size", ["14B", "32B"])
def test_another_student_is_an_override_away(size: str) -> None:
    overrides = [f"models.student.path=Qwen/Qwen2.5-{size}", f"steps.select.match={size}"]
    loaded = load_recipe(str(RECIPES / "distilqwen2_5_ds3.yaml"), overrides)
    [select] = [entry.named.step for entry in loaded.all_steps() if entry.name == "select"]
    assert select.match == size
    assert loaded.models["student"].path == f"Qwen/Qwen2.5-{size}"


def test_pairs_before_alignment_are_refused_with_the_step_that_is_missing() -> None:
    steps = "steps=[{cognitive_pairs: {model: student}}]"
    with pytest.raises(RecipeError, match="'traces', which no source .* 'align_trace' writes it"):
        load_recipe(str(RECIPES / "practice_ds3.yaml"), [steps])
