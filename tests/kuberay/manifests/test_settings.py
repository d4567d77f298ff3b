"""Names of objects, and labels of nodes."""

from __future__ import annotations

import pytest

from distilray.kuberay import RenderSettings
from distilray.kuberay.manifests.settings import LONGEST_NAME, NAME, object_name


@pytest.mark.parametrize(
    ("recipe", "name"),
    [("distilqwen2.5-ds3-7b", "distilqwen2-5-ds3-7b"), ("Practice KD", "practice-kd"), ("7b", "run-7b"),
     ("数学", "run"), ("_x_", "x")],
)  # fmt: skip
def test_a_recipes_name_becomes_one_of_objects(recipe: str, name: str) -> None:
    assert object_name(recipe) == name and NAME.fullmatch(name)


def test_long_names_are_cut_and_stay_apart() -> None:
    one, other = (object_name(f"a-student-of-a-teacher-of-students-{k}") for k in (1, 2))
    assert one != other
    for name in (one, other):
        assert len(name) <= LONGEST_NAME and NAME.fullmatch(name) and name.startswith("a-student-of-a-teache")


def test_labels_are_for_all_gpus_or_for_those_of_a_type() -> None:
    settings = RenderSettings(selectors=("pool=gpus", "H100:nvidia.com/gpu.product=NVIDIA-H100-80GB-HBM3"))
    assert settings.labels_of("L4") == {"pool": "gpus"}
    assert settings.labels_of("H100") == {"pool": "gpus", "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
