"""``replicas: auto`` fills the GPUs of a phase, shared by the models that are resident together."""

from __future__ import annotations

from distilray.models import EchoModel, ModelSettings, VLLMModel
from distilray.planning import Available, filled, plan
from distilray.planning.residency import Nodes
from distilray.recipe import parse
from distilray.runner import Phase, Resources

BOX = Available(96, 8)
TWO_BOXES = Available(192, 16, there=(Nodes(2, 96, 8),))


def model(gpus: int, **settings) -> VLLMModel:
    return VLLMModel(path="a/b", gpus=gpus, tensor_parallel=max(gpus, 1), **{"replicas": "auto", **settings})


def numbers(available: Available, **models: ModelSettings) -> dict[str, int]:
    return {name: found.least_replicas for name, found in filled(models, Resources(), available).items()}


def test_one_model_takes_all_gpus_and_leaves_those_of_others() -> None:
    assert numbers(BOX, teacher=model(2)) == {"teacher": 4}
    assert numbers(BOX, teacher=model(2), judge=model(1, replicas=2)) == {"teacher": 3, "judge": 2}
    assert numbers(TWO_BOXES, teacher=model(3)) == {"teacher": 4}  # two of three GPUs on each, and two left over


def test_several_share_them_alike() -> None:
    assert numbers(BOX, teacher=model(4), judge=model(1)) == {"teacher": 1, "judge": 4}
    assert numbers(TWO_BOXES, teacher=model(4), judge=model(2)) == {"teacher": 2, "judge": 4}


def test_on_cpus_it_is_one() -> None:
    assert numbers(Available(96, 0), teacher=model(0), echo=EchoModel(replicas="auto")) == {"teacher": 1, "echo": 1}
    assert VLLMModel(path="a/b", replicas="auto").most_replicas == 1


def test_the_row_runners_keep_their_cpus() -> None:
    assert numbers(Available(8, 8), teacher=model(1)) == {"teacher": 7}


def test_fixed_numbers_are_left_alone() -> None:
    models = {"teacher": model(1, replicas=3)}
    assert filled(models, Resources(), BOX) == models


RECIPE = """
models:
  teacher: {kind: classifier, path: a/b, gpus: 1, replicas: auto}
  judge: {kind: echo, cpus: 1, replicas: auto}
sources: [{name: rows, path: rows.jsonl}]
steps: [{answer: {model: judge}}]
"""


def test_a_plan_has_numbers() -> None:
    [phase] = plan(parse(RECIPE, "r.yaml"), "s", BOX).stages
    assert isinstance(phase, Phase) and phase.models["judge"].replicas == 1
    again = parse(parse(RECIPE, "r.yaml").to_yaml(), "again.yaml")
    assert again.models["teacher"].replicas == "auto"
