"""What the API loads: nothing heavy before something runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

HEAVY = ("torch", "ray", "vllm", "transformers", "trl")
BUILD = """
import distilray as dr
recipe = dr.Recipe(
    models={"teacher": dr.EchoModel(), "student": dr.VLLMModel(path="package://distilray.practice/checkpoints/teacher")},
    sources=[dr.Source(name="rows", path="rows.jsonl")],
    steps=[dr.steps.Answer(model="teacher"), dr.steps.Check(), dr.steps.Select(by="correct_share", top=9)],
    train=[dr.train.SFTSettings(student="student", epochs=1)],
    evaluate=[dr.Questions(name="held-out", source=dr.Source(name="held-out", path="rows.jsonl"))],
)
"""


def loaded(code: str) -> set[str]:
    """Heavy packages that ``code`` loads in a fresh interpreter."""
    code += f"\nimport sys\nprint('LOADED', *(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import distilray",
        BUILD,
        BUILD + "dr.plan(recipe)",
        "import distilray as dr\ndr.plan(dr.load_recipe('jobs/recipes/practice_kd.yaml'))",
        "import distilray as dr\nprint(dr.plan('jobs/recipes/quickstart.yaml'))",
        "import distilray as dr\ndr.Step, dr.GlobalStep, dr.Row, dr.Prompt, dr.Models, dr.Outcome, dr.Verdict, dr.Run",
    ],
)
def test_building_and_planning_a_recipe_loads_neither_torch_nor_ray_nor_vllm(code: str) -> None:
    assert loaded(code) == set()


def test_the_check_sees_what_is_loaded() -> None:
    assert loaded("import distilray as dr\ndr.run") == {"ray"} | loaded("import ray.data")


def test_every_name_of_the_front_door_is_there() -> None:
    import distilray

    assert {"run", "plan", "load_recipe", "open_run", "Recipe", "steps", "train"} <= set(distilray.__all__)
    for name in distilray.__all__:
        assert getattr(distilray, name) is not None
