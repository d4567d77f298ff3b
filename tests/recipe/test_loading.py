"""A recipe that cannot run says where, what and how to mend it, all at once, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.recipe import RecipeError, parse

GOOD = """
name: small
models:
  teacher: {kind: echo}
sources:
  - {name: rows, path: rows.jsonl}
steps:
  - answer: {model: teacher}
  - check
  - select: {by: correct_share, at_least: 0.5}
"""


def errors(text: str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse(text, "recipe.yaml", overrides)
    return str(caught.value)


def test_a_good_recipe_parses_to_its_steps_in_order():
    loaded = parse(GOOD, "recipe.yaml")
    assert [entry.name for entry in loaded.all_steps()] == ["answer", "check", "select"]


def test_the_resolved_recipe_parses_to_the_same_steps_and_settings():
    loaded = parse(GOOD, "recipe.yaml")
    again = parse(loaded.to_yaml(), "resolved.yaml")
    assert [entry.named for entry in again.all_steps()] == [entry.named for entry in loaded.all_steps()]
    assert again.models == loaded.models


def test_an_unknown_key_names_line_and_the_nearest_key():
    text = errors(GOOD.replace("model: teacher", "modle: teacher"))
    assert "recipe.yaml:8" in text
    assert "steps[0].answer" in text
    assert "'modle'" in text and "did you mean 'model'" in text


def test_an_unknown_step_names_the_nearest():
    assert "unknown step 'chekc'; did you mean 'check'?" in errors(GOOD.replace("- check", "- chekc"))


def test_a_wrong_type_shows_the_value():
    text = errors(GOOD.replace("{model: teacher}", "{model: teacher, n: many}"))
    assert "steps[0].answer.n" in text and "'many'" in text


def test_a_model_that_is_not_defined_is_named_with_the_nearest():
    text = errors(GOOD.replace("model: teacher", "model: teacheer"))
    assert "model 'teacheer' is not defined in `models`; did you mean 'teacher'?" in text


def test_a_model_that_is_no_checkpoint_says_what_is_missing(tmp_path: Path):
    text = errors(GOOD, f"models.teacher={{path: {tmp_path}}}")
    assert "models.teacher" in text and "config.json" in text


def test_a_step_that_reads_what_nobody_writes_names_the_column_and_who_could():
    text = errors(GOOD.replace("by: correct_share", "by: score"))
    assert "'score'" in text and "'judge' writes it" in text


def test_all_problems_are_told_at_once():
    text = errors(GOOD.replace("model: teacher", "modle: teacher").replace("- check", "- chekc"))
    assert "'modle'" in text and "'chekc'" in text


def test_an_override_sets_a_key_by_the_step_s_name():
    loaded = parse(GOOD, "recipe.yaml", ["steps.answer.n=4", "models.teacher.tokens=3", "seed=7"])
    assert loaded.all_steps()[0].named.step.n == 4
    assert loaded.models["teacher"].tokens == 3
    assert loaded.seed == 7


def test_an_override_of_a_step_that_is_not_there_names_those_that_are():
    assert "no item 'anwser' here; did you mean 'answer'?" in errors(GOOD, "steps.anwser.n=4")


def test_what_is_no_yaml_is_said_in_one_line():
    assert "not YAML" in errors("name: [")


def test_a_step_of_one_s_own_is_found_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mine_for_test.py").write_text(
        "from distilray.rows import kept\nfrom distilray.steps import Step\n"
        "class Shout(Step):\n    how_loud: int = 1\n    reads = ('answer',)\n    writes = {'answer': 'string'}\n"
        "    async def process(self, row, models):\n        return kept(answer=row['answer'].upper())\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    text = GOOD.replace("  - check", "  - {uses: 'mine_for_test:Shout', with: {how_loud: 3}}").replace(
        "by: correct_share", "by: answer_tokens"
    )
    loaded = parse(text, "recipe.yaml")
    assert loaded.all_steps()[1].named.step.how_loud == 3
    assert "unknown key 'loud'; did you mean 'how_loud'?" in errors(text.replace("how_loud: 3", "loud: 3"))


def test_a_step_of_one_s_own_that_is_not_there_is_said():
    assert "no_such_module" in errors(GOOD.replace("- check", "- {uses: 'no_such_module:Step'}"))


def test_a_training_needs_to_know_how_long():
    text = errors(GOOD + "train:\n  - {kind: sft, student: teacher}\n")
    assert "either epochs or max_steps" in text


def test_a_benchmark_of_the_student_needs_a_training():
    text = errors(GOOD + "evaluate:\n  - {name: b, source: {name: s, path: x.jsonl}}\n")
    assert "student_before needs a training" in text


def test_a_repeat_holds_its_own_steps():
    text = GOOD.replace(
        "  - answer: {model: teacher}\n  - check\n",
        "  - repeat: {rounds: 2, carry_over: rejected, steps: [{answer: {model: teacher}}, check]}\n",
    )
    loaded = parse(text, "recipe.yaml")
    assert [entry.name for entry in loaded.steps] == ["repeat", "select"]
    assert [entry.name for entry in loaded.all_steps()] == ["answer", "check", "select"]
