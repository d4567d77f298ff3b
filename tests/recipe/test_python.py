"""Recipes built in Python: the classes that YAML parses to, written back without loss; errors name the place."""

from __future__ import annotations

from pathlib import Path

import pytest

import distilray as dr
from distilray.recipe import Recipe, as_recipe, parse
from tests.support.checkpoints import make_student
from tests.support.own_steps import Shout
from tests.support.paths import RECIPES

MODELS = {"teacher": dr.EchoModel(tokens=3)}
SOURCES = [dr.Source(name="rows", path="rows.jsonl", keep={"level": "int"})]
AGAIN = dr.Repeat(
    name="again",
    rounds=2,
    until=dr.Until(mean={"answer_tokens": 4.5}),
    steps=[dr.steps.Answer(model="teacher"), ("loud", Shout(marks=None)), "check"],
)
BUILT: dict[str, dict] = {
    "steps": {"steps": [dr.steps.Answer(model="teacher", n=4), dr.steps.Check(), Shout(), dr.steps.Check()]},
    "repeat": {"steps": [AGAIN, dr.steps.Select(by="level", top=3)], "name": "again", "seed": 7},
    "a role that chooses": {
        "steps": [{"answer": {"model": {"by": "language", "choose": {"zh": "teacher"}, "otherwise": "teacher"}}}]
    },
    "benchmarks": {
        "evaluate": [
            dr.Questions(
                name="b", source=dr.Source(name="s", uses="a:b", with_={"rows": 3, "none": None}), models=("teacher",)
            )
        ],
        "budget": dr.Budget(money=1.5),
    },
    "settings of the engine": {"models": {"teacher": dr.EchoModel(tokens=3, price=dr.Price(input=1e-7, output=2e21))}},
    "text that YAML could read otherwise": {
        "description": "no: 1e3\n\n- x #y\t'z' \"q\" 问\x85",
        "steps": [Shout(word="0o7")],
    },
}


class Strange(dr.train.TrainSettings):
    """Settings of a training that no method takes."""

    kind: str = "strange"


def built(**sections: object) -> Recipe:
    return dr.Recipe(**{"models": MODELS, "sources": SOURCES, **sections})


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_recipe_is_written_back_without_loss(name: str) -> None:
    recipe = dr.load_recipe(RECIPES / f"{name}.yaml")
    again = parse(recipe.to_yaml(), "again.yaml")
    assert again == recipe
    assert again.to_yaml() == recipe.to_yaml()


@pytest.mark.parametrize("sections", BUILT.values(), ids=BUILT)
def test_a_recipe_built_in_python_is_written_back_without_loss(sections: dict) -> None:
    recipe = built(**sections)
    again = parse(recipe.to_yaml(), "again.yaml")
    assert again == recipe
    assert again.to_yaml() == recipe.to_yaml()


def test_trainings_are_written_back_without_loss(tmp_path: Path) -> None:
    settings = dr.train.SFTSettings(name="learner", student="student", max_steps=5, betas=(0.8, 0.9))
    recipe = built(
        models={**MODELS, "student": dr.VLLMModel(path=make_student(tmp_path / "student"))},
        steps=[dr.steps.Answer(model="teacher"), settings, dr.steps.ScoreStudent(model="learner")],
        train=[
            dr.TrainEntry(
                dr.train.SFTSettings(student="student", start_from="learner", epochs=0.5, batch_size=4),
                dr.train.TrainResources(workers=2, min_workers=1),
            )
        ],
    )
    again = parse(recipe.to_yaml(), "again.yaml")
    assert again == recipe
    assert [entry.name for entry in again.all_trainings()] == ["learner", "sft"]


def test_python_and_yaml_give_the_same_recipe() -> None:
    text = """
models: {teacher: {kind: echo, tokens: 3}}
sources: [{name: rows, path: rows.jsonl, keep: {level: int}}]
steps:
  - answer: {model: teacher, n: 4}
  - check
  - {uses: "tests.support.own_steps:Shout"}
  - check
"""
    assert parse(text, "r.yaml") == built(**BUILT["steps"])
    names = [entry.name for entry in built(**BUILT["steps"]).all_steps()]
    assert names == ["answer", "check", "Shout", "check-2"]


def test_a_setting_of_none_that_is_not_the_default_is_kept() -> None:
    recipe = built(steps=[dr.steps.Answer(model="teacher"), Shout(marks=None)])
    assert "marks: null" in recipe.to_yaml()


def test_a_recipe_with_other_sections_is_checked_again() -> None:
    recipe = built(**BUILT["steps"])
    assert recipe.changed(seed=3).seed == 3 and recipe.changed() == recipe
    with pytest.raises(dr.RecipeError, match=r"steps\[0\]\.answer\.model: model 'teacher' is not defined"):
        recipe.changed(models={})


def test_a_mapping_a_path_and_a_recipe_are_recipes(tmp_path: Path) -> None:
    mapping = {"models": {"teacher": {"kind": "echo"}}, "sources": SOURCES, "steps": [{"answer": {"model": "teacher"}}]}
    recipe = as_recipe(mapping, ["steps.answer.n=2"])
    assert recipe.all_steps()[0].named.step == dr.steps.Answer(model="teacher", n=2)
    assert mapping["steps"] == [{"answer": {"model": "teacher"}}]  # as it was
    (tmp_path / "r.yaml").write_text(recipe.to_yaml())
    assert as_recipe(tmp_path / "r.yaml") == recipe == as_recipe(recipe)
    assert as_recipe(recipe, ["models.teacher.tokens=5", "seed=3"]).models["teacher"] == dr.EchoModel(tokens=5)


@pytest.mark.parametrize(
    ("sections", "lines"),
    [
        (
            {"steps": [dr.steps.Answer(model="teachre"), ("second", dr.steps.Judge(model="judge"))]},
            [
                "steps[0].answer.model: model 'teachre' is not defined in `models`; did you mean 'teacher'?",
                "steps[1].judge.model: model 'judge' is not defined in `models`; known are teacher",
            ],
        ),
        (
            {"steps": [dr.Repeat(steps=["check", dr.steps.Select(by="score", top=1)])]},
            ["steps[0].repeat.steps[1].select: step 'select' reads the column 'score', which no source"],
        ),
        ({"steps": [Shout(marks=1), 7]}, ["steps[1]: a step is `name: {settings}`, not 7"]),
        (
            {"steps": [dr.steps.Answer(model="teacher")], "train": [dr.train.SFTSettings(student="nobody", epochs=1)]},
            ["train[0].student: model 'nobody' is not defined in `models`; known are teacher"],
        ),
        (
            {"train": [Strange(name="odd", student="teacher", rows="true", epochs=1)]},
            ["train[0]: no training method for Strange: 'strange'; name yours by uses='package:Class'"],
        ),
        (
            {"train": [Strange(kind="sft", name="odd", student="teacher", rows="true", epochs=1)]},
            ["train[0]: its method takes SFTSettings, not Strange"],
        ),
        ({"models": {"teacher": {"kind": "ecko"}}}, ["models.teacher: 'ecko' is not one of"]),
        (
            {"models": {"openai": {"kind": "openai", "modle": "x", "base_url": "http://x"}}},
            [
                "models.openai: 'model' is missing",
                "models.openai: unknown key 'modle'; did you mean 'model'?",
            ],
        ),
        ({"sorces": []}, ["unknown key 'sorces'; did you mean 'sources'?"]),
        ({"serve": {}}, ["unknown key 'serve'"]),
    ],
)
def test_problems_are_the_same_recipe_errors_with_the_same_places(sections: dict, lines: list[str]) -> None:
    with pytest.raises(dr.RecipeError) as caught:
        built(**sections)
    for line in lines:
        assert f"recipe: {line}" in str(caught.value)


def test_problems_of_several_sections_are_reported_together() -> None:
    with pytest.raises(dr.RecipeError) as caught:
        built(steps=["chekc", {"answer": {"modle": "x"}}], train=[{"kind": "stf"}], seed=-1)
    text = str(caught.value)
    assert all(place in text for place in ("seed:", "steps[0]:", "steps[1].answer:", "train[0].kind:"))


def test_an_error_of_a_plan_names_file_and_line() -> None:
    text = (
        "models: {teacher: {kind: echo, cpus: 8}}\nsources: [{name: r, path: r}]\nsteps:\n- answer: {model: teacher}\n"
    )
    with pytest.raises(dr.RecipeError, match=r"r\.yaml:4: steps\[0\]\.answer: step 'answer' cannot fit"):
        dr.plan(parse(text, "r.yaml"), dr.Available(2, 0))
