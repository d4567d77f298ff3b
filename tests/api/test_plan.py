"""Plans from Python: for this machine, for others, and as text."""

from __future__ import annotations

from pathlib import Path

import pytest

import distilray as dr


def recipe(folder: Path, **model: float) -> dr.Recipe:
    (folder / "rows.jsonl").write_text('{"instruction": "a"}\n{"instruction": "b"}\n')
    return dr.Recipe(
        name="small",
        models={"teacher": dr.EchoModel(**model)},  # type: ignore[arg-type]
        sources=[dr.Source(name="rows", path=str(folder / "rows.jsonl"))],
        steps=[dr.steps.Answer(model="teacher"), dr.steps.Check()],
    )


def test_a_plan_has_stages_and_prints_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planned = dr.plan(recipe(tmp_path), dr.Available(cpus=4, gpus=0))
    assert [stage.name for stage in planned.stages] == ["01-answer+check"]
    assert set(planned.phases()[0].models) == {"teacher"}
    text = str(planned)
    assert "small: 2 rows from 1 source\n" in text and "answer -> check" in text
    planned.show()
    assert capsys.readouterr().out.split() == text.split()


def test_a_plan_for_other_machines_is_for_those(tmp_path: Path) -> None:
    assert dr.plan(recipe(tmp_path), "2x8x80").machine.gpus == 16
    with pytest.raises(ValueError, match="is not a machine spec"):
        dr.plan(recipe(tmp_path), "many")


def test_a_recipe_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(dr.RecipeError, match=r"recipe: steps\[0\]\.answer: step 'answer' cannot fit"):
        dr.plan(recipe(tmp_path, cpus=8), dr.Available(cpus=2, gpus=0))
    with pytest.raises(dr.RecipeError, match="cannot fit"):
        dr.plan(recipe(tmp_path), dr.Available(cpus=2, gpus=0), overrides=["models.teacher.cpus=8"])
