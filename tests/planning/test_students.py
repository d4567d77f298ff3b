"""Students and their chat templates in a plan: refused with the remedy, or noted, before a step is paid for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from distilray.planning import Available, findings, plan, student_notes
from distilray.recipe import RecipeError, parse
from tests.support.checkpoints import WITHOUT_MARKS, make_student
from tests.support.hub import hub_cache_with

RECIPE = """
models:
  student: {{path: {path}}}
sources:
  - {{name: rows, path: rows.jsonl}}
train:
  - {{kind: sft, student: student, epochs: 1, max_length: 64}}
"""
HERE = Available(cpus=4, gpus=0, memory_gib=8)
STRIPPING = WITHOUT_MARKS.replace(
    "{{ m.content }}", "{% if loop.last and m.role == 'assistant' %}* {% endif %}{{ m.content }}"
)


def recipe_of(folder: Path, template: str, *overrides: str):
    return parse(RECIPE.format(path=make_student(folder, template=template)), "r.yaml", overrides)


def test_a_student_whose_turns_change_later_is_refused_where_all_of_them_are_trained(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"train\[0\]\.student.*renders turn 2.*Set loss_on: answer"):
        plan(recipe_of(tmp_path / "s", STRIPPING), "rows", HERE)
    assert plan(recipe_of(tmp_path / "t", STRIPPING, "train.0.loss_on=answer"), "rows", HERE).stages == ()


def test_a_plan_says_that_a_base_students_stop_token_becomes_its_eos(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path / "s", WITHOUT_MARKS)
    assert student_notes(recipe) == []
    other = WITHOUT_MARKS.replace("<|im_end|>", "<|endoftext|>")
    (note,) = student_notes(recipe_of(tmp_path / "t", other))
    assert "student ends its turns with '<|endoftext|>'" in note
    assert "declared as eos in the tokenizer and generation_config.json of the export" in note


def test_a_plan_tries_the_templates_of_students_and_teachers(tmp_path: Path) -> None:
    teacher = make_student(tmp_path / "teacher", template=STRIPPING)
    models = ["models.teacher={path: %s}" % teacher, "models.far={path: owner/none}", "models.echo={kind: echo}"]  # noqa: UP031
    recipe = recipe_of(tmp_path / "s", WITHOUT_MARKS, *models)
    found = findings(recipe)
    assert list(found) == ["student", "teacher", "far"]
    assert found["student"] and (found["student"].one, found["student"].several) == ("yes", "every turn")
    assert found["teacher"] and (found["teacher"].one, found["teacher"].several) == ("yes, after '* '", "the last")
    assert found["far"] is None


def of_the_hub(*overrides: str):
    return parse(RECIPE.format(path="owner/tiny"), "r.yaml", overrides)


def test_a_student_of_the_hub_is_checked_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_cache_with(tmp_path / "hub", monkeypatch, tiny=make_student(tmp_path / "s", template=STRIPPING))
    with pytest.raises(RecipeError, match=r"student 'owner/tiny'.*renders turn 2.*Set loss_on: answer"):
        plan(of_the_hub(), "rows", HERE)
    again = of_the_hub("train.0.loss_on=answer")
    assert plan(again, "rows", HERE).stages == ()
    assert student_notes(again) == []


@pytest.mark.parametrize("partly", [False, True])
def test_a_plan_says_that_it_could_not_check_a_student_of_the_hub(
    partly: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "README.md").write_text("half of a download")
    hub_cache_with(tmp_path / "hub", monkeypatch, **({"tiny": str(tmp_path / "s")} if partly else {}))
    twice = "train=[{kind: sft, student: student, epochs: 1}, {kind: dpo, student: student, epochs: 1}]"
    recipe = of_the_hub(twice)
    plan(recipe, "rows", HERE)
    (note,) = student_notes(recipe)
    assert note.startswith("student 'student': the chat template and tokenizer of owner/tiny are not checked")
    assert str(tmp_path / "hub") in note and "hf download owner/tiny" in note


def test_the_check_loads_neither_torch_nor_transformers(tmp_path: Path) -> None:
    path = make_student(tmp_path / "s")
    code = f"""
import sys
from distilray.planning import Available, plan
from distilray.recipe import parse
plan(parse({RECIPE.format(path=path)!r}, "r.yaml"), "rows", Available(cpus=4, gpus=0, memory_gib=8))
print([name for name in ("torch", "ray", "transformers", "vllm") if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
