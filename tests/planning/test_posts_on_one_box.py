"""The recipes of both posts on one box with eight GPUs of 80 GB: every phase fits, and engines fill the box."""

from __future__ import annotations

import json
from pathlib import Path

from distilray.planning import Available, Plan, needs, parse_machines, plan
from distilray.prompts import SYSTEM_TURNS
from distilray.recipe import Recipe, load_recipe
from distilray.steps import AlignTrace, Rewrite, ShortenTrace
from tests.support.paths import RECIPES

BOX = parse_machines("8x80")
LARGER = ["models.student.path=Qwen/Qwen2-7B-Instruct", "steps.rewrite.tokenizer=Qwen/Qwen2-7B-Instruct",
          "steps.sft.micro_batch_size=2", "train.dpo.micro_batch_size=1"]  # fmt: skip


def on_the_box(name: str, *overrides: str) -> tuple[Recipe, Plan]:
    recipe = load_recipe(str(RECIPES / f"{name}.yaml"), overrides)
    return recipe, plan(recipe, "sources", BOX)


def engines(planned: Plan) -> dict[str, dict[str, int]]:
    """Of each phase that asks models: how many engines each of them has."""
    return {
        phase.name.partition("-")[2]: {name: model.least_replicas for name, model in phase.models.items()}
        for phase in planned.phases()
        if phase.models
    }


def first_post(folder: Path, *overrides: str) -> tuple[Recipe, Plan]:
    """With a benchmark whose questions are at hand, since rows are kept apart from them."""
    asked = folder / "gsm8k" / "test.jsonl"
    asked.parent.mkdir(parents=True, exist_ok=True)
    asked.write_text(json.dumps({"question": "Two and two?", "answer": "So many.\n#### 4"}) + "\n")
    return on_the_box("distilqwen2", f"evaluate=[{{kind: gsm8k, data_dir: {folder}}}]", *overrides)


def test_the_first_post_is_a_story_of_phases_that_each_fill_the_box(tmp_path: Path) -> None:
    _, planned = first_post(tmp_path)
    assert [stage.name.partition("-")[2] or stage.name for stage in planned.stages] == [
        "synthesize", "deduplicate", "decontaminate", "classify_task+score_difficulty", "select", "fill",
        "deduplicate-2", "decontaminate-2", "balance-2", "answer+check+best_answer+follow_up+rewrite",
        "find_boilerplate", "verify_quality", "sft", "preference_pairs",
    ]  # fmt: skip
    assert engines(planned) == {
        "synthesize": {"qwen2_7b": 1, "teacher_en": 4, "teacher_zh": 3},
        "classify_task+score_difficulty": {"student": 2, "teacher_en": 3, "teacher_zh": 3},
        "localize+expand+refine": {"teacher_en": 4, "teacher_zh": 4},
        "answer+check+best_answer+follow_up+rewrite": {"qwen2_7b": 1, "student": 2, "teacher_en": 3, "teacher_zh": 2},
        "verify_quality": {"teacher_en": 4, "teacher_zh": 4},
        "preference_pairs": {"sft": 2, "teacher_en": 3, "teacher_zh": 3},
    }
    assert {needs(phase.models)["GPU"] for phase in planned.phases() if phase.models} == {8}


def test_its_7b_student_is_overrides_away(tmp_path: Path) -> None:
    for overrides, size in (((), "1.5B"), (LARGER, "7B")):
        recipe, planned = first_post(tmp_path, *overrides)
        assert planned.stages
        [rewrite] = [entry.named.step for entry in recipe.all_steps() if isinstance(entry.named.step, Rewrite)]
        assert f"a {size} model" in rewrite.prompts_used()[0].templates["en"]
        assert {entry.settings.system for entry in recipe.all_trainings()} == {SYSTEM_TURNS["qwen2"]}


def test_it_is_evaluated_on_all_that_its_post_names_before_and_after() -> None:
    recipe, whole = (load_recipe(str(RECIPES / f"{name}.yaml")) for name in ("distilqwen2", "answer-and-sft"))
    assert {benchmark.name for benchmark in recipe.evaluate} == {benchmark.name for benchmark in whole.evaluate}
    assert all(benchmark.models == ("student_before", "student_after") for benchmark in recipe.evaluate)


def test_the_second_post_fits_too_with_one_pool_for_both_roles_of_its_rewriter() -> None:
    plain = "models.qwq.engine={}"  # whose check imports vLLM, which takes seconds
    recipe, planned = on_the_box("distilqwen2_5_ds3_8gpu", plain)
    assert engines(planned) == {
        "check+shorten_trace+align_trace+score_trace": {"qwq": 4},
        "cognitive_pairs+inline_trace": {"qwq": 2, "student": 4},
    }
    assert {needs(phase.models)["GPU"] for phase in planned.phases()} == {8}
    traced = [entry.named.step for entry in recipe.all_steps()]
    assert {step.student_size for step in traced if isinstance(step, AlignTrace | ShortenTrace)} == {"7B"}
    assert {entry.settings.system for entry in recipe.all_trainings()} == {SYSTEM_TURNS["ds3"]}


def test_the_first_posts_practice_twin_has_the_same_steps_and_fits_on_two_cores() -> None:
    real, twin = (load_recipe(str(RECIPES / f"{name}.yaml")) for name in ("distilqwen2", "practice_distilqwen2"))
    assert [entry.name for entry in twin.all_steps()] == [entry.name for entry in real.all_steps()]
    assert [entry.name for entry in twin.all_trainings()] == [entry.name for entry in real.all_trainings()]
    phases = engines(plan(twin, "sources", Available(2, 0)))
    assert list(phases) == [
        "synthesize", "classify_task+score_difficulty", "localize+expand+refine",
        "answer+check+best_answer+follow_up+rewrite", "verify_quality", "preference_pairs",
    ]  # fmt: skip
